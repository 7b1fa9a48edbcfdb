import jax
import jax.numpy as jnp
import numpy as np

key = jax.random.key(0)
old_style = jax.random.PRNGKey(1)
key, data_key, init_key = jax.random.split(key, 3)
x = jax.random.normal(data_key, (8, 2))
y = x @ jnp.array([1.0, -1.0])
params = {"w": jax.random.normal(init_key, (2,)), "b": jnp.zeros(())}
velocity = jax.tree.map(jnp.zeros_like, params)
order = np.random.default_rng(3)


@jax.jit
def train_step(params, velocity, key, xb, yb):
    def loss_fn(p):
        noise = 0.1 * jax.random.normal(key, xb.shape)
        return jnp.mean(((xb + noise) @ p["w"] + p["b"] - yb) ** 2)

    loss, grads = jax.value_and_grad(loss_fn)(params)
    velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, grads)
    params = jax.tree.map(lambda p, v: p - 0.05 * v, params, velocity)
    return params, velocity, loss


losses = []
for epoch in range(2):
    for batch in order.permutation(8).reshape(2, 4):
        key, step_key = jax.random.split(key)
        old_style, sub = jax.random.split(old_style)
        params, velocity, loss = train_step(params, velocity, step_key, x[batch], y[batch])
        losses.append(float(loss) + float(jax.random.uniform(sub)))
    print(epoch, losses[-1])
print(losses, params["w"].tolist(), params["b"].item(), jax.random.key_data(key), old_style, order.random())
