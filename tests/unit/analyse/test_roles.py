"""Which role a statement or definition is given: source → role, with tables of what must stay without one."""

from __future__ import annotations

import ast

import pytest

from graduate.analyse.roles import choose_role, find_definition_role, find_statement_role
from graduate.model.source import Place

IMPORTS = {
    "np": "numpy",
    "pd": "pandas",
    "plt": "matplotlib.pyplot",
    "sns": "seaborn",
    "torch": "torch",
    "nn": "torch.nn",
    "F": "torch.nn.functional",
    "xgb": "xgboost",
    "lgb": "lightgbm",
    "requests": "requests",
    "subprocess": "subprocess",
    "os": "os",
    "pa": "pandera",
    "keras": "tensorflow.keras",
    "Dataset": "torch.utils.data.Dataset",
    "DataLoader": "torch.utils.data.DataLoader",
    "TensorDataset": "torch.utils.data.TensorDataset",
    "Sampler": "torch.utils.data.Sampler",
    "urlretrieve": "urllib.request.urlretrieve",
    "fetch_openml": "sklearn.datasets.fetch_openml",
    "load_digits": "sklearn.datasets.load_digits",
    "train_test_split": "sklearn.model_selection.train_test_split",
    "cross_val_score": "sklearn.model_selection.cross_val_score",
    "StandardScaler": "sklearn.preprocessing.StandardScaler",
    "SVC": "sklearn.svm.SVC",
    "BaseEstimator": "sklearn.base.BaseEstimator",
    "TransformerMixin": "sklearn.base.TransformerMixin",
    "accuracy_score": "sklearn.metrics.accuracy_score",
    "dataclass": "dataclasses.dataclass",
}
DEFINITIONS = {"fit_it": "train", "Net": "model", "rmse": "metric", "show": "evaluate", "misc": "other"}


def place(node: ast.AST) -> Place:
    return Place("a.py", getattr(node, "lineno", 1), getattr(node, "end_lineno", 1))


def evidence_of(text: str, heading: str = ""):
    (node,) = ast.parse(text).body
    return find_statement_role(node, imports=IMPORTS, definitions=DEFINITIONS, heading=heading, place=place)


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "import torch",
        "from sklearn.datasets import load_digits",
        "torch.manual_seed(0)",
        "np.random.seed(0)",
        "pd.set_option('display.width', 100)",
        "plt.style.use('ggplot')",
        "rng = np.random.default_rng(0)",
        "y = x.data / 16",
        "misc(x)",
        "unknown.method(x)",
        "for name in ['a', 'b']:\n    total += 1",
        "os.makedirs('out', exist_ok=True)",
        "shell('ls -l')",
    ],
)
def test_no_evidence(text: str) -> None:
    assert evidence_of(text) == ()


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("urlretrieve(url, 'a.zip')", "download"),
        ("text = requests.get(url).text", "download"),
        ("X, y = fetch_openml('mnist_784', return_X_y=True)", "download"),
        ("shell('wget http://x/y.csv')", "download"),
        ("subprocess.run(['unzip', 'a.zip'])", "download"),
        ("digits = load_digits()", "preprocess"),
        ("df = pd.read_csv('a.csv')", "preprocess"),
        ("a, b = train_test_split(x)", "preprocess"),
        ("x = scaler.fit_transform(x)", "preprocess"),
        ("scaler.fit(x)", "preprocess"),
        ("StandardScaler().fit(x)", "preprocess"),
        ("df = df.dropna()", "preprocess"),
        ("df['a'] = df['a'].fillna(0)", "preprocess"),
        ("schema = pa.DataFrameSchema({})", "validate"),
        ("ds = TensorDataset(x, y)", "dataset"),
        ("loader = DataLoader(ds)", "loader"),
        ("model = Net().to(device)", "model"),
        ("model = nn.Sequential(nn.Linear(1, 2))", "model"),
        ("clf = SVC()", "model"),
        ("criterion = nn.CrossEntropyLoss()", "loss"),
        ("optimizer = torch.optim.Adam(model.parameters())", "train"),
        ("model.fit(x, y)", "train"),
        ("sgd.partial_fit(x, y)", "train"),
        ("booster = xgb.train({}, d)", "train"),
        ("fit_it(model)", "train"),
        ("history = fit_it(Net())", "model"),
        ("for e in range(9):\n    loss.backward()\n    optimizer.step()\n    print(loss.item())", "train"),
        ("while t < 5:\n    t += 0.1", "train"),
        ("for i in range(n):\n    hits += f(i)", "train"),
        ("for i in tqdm(range(n)):\n    out.append(f(i))", "train"),
        ("pred = model.predict(x)", "evaluate"),
        ("print(accuracy_score(y, pred))", "evaluate"),
        ("print(rmse(y, pred))", "evaluate"),
        ("plt.plot(x)", "evaluate"),
        ("show(x)", "evaluate"),
        ("with torch.no_grad():\n    out = model(x)", "evaluate"),
    ],
)
def test_the_role_of_a_statement(text: str, role: str) -> None:
    assert choose_role(evidence_of(text)) == role


@pytest.mark.parametrize(
    ("heading", "role"),
    [
        ("Load data", "preprocess"),
        ("1. Exploratory Data Analysis", "preprocess"),
        ("Train/test split", "preprocess"),
        ("Download the files", "download"),
        ("Building the model", "model"),
        ("Training", "train"),
        ("Model evaluation", "evaluate"),
        ("Results", "evaluate"),
        ("Data loaders", "loader"),
        ("Loss function", "loss"),
        ("Validate the data", "validate"),
    ],
)
def test_headings_are_evidence(heading: str, role: str) -> None:
    ((found),) = evidence_of("x = 1", heading)
    assert found.role == role


def test_headings_that_say_nothing() -> None:
    assert evidence_of("x = 1", "Introduction") == ()


def test_evidence_says_what_was_seen_and_where() -> None:
    (piece,) = evidence_of("df = pd.read_csv('a.csv')")
    assert (piece.role, piece.what, piece.place) == (
        "preprocess",
        "calls pandas.read_csv",
        Place("a.py", 1, 1),
    )


def test_what_is_seen_twice_counts_once() -> None:
    once = evidence_of("plt.plot(x)")
    twice = evidence_of("for x in ['a', 'b']:\n    plt.plot(x)\n    plt.plot(y)")
    assert [piece.weight for piece in once] == [piece.weight for piece in twice]


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("class Net(nn.Module):\n    def forward(self, x): ...", "model"),
        ("class Small(Net): ...", "model"),
        ("class FocalLoss(nn.Module):\n    def forward(self, x): ...", "loss"),
        ("class Digits(Dataset):\n    def __getitem__(self, i): ...", "dataset"),
        ("class Own:\n    def __len__(self): ...\n    def __getitem__(self, i): ...", "dataset"),
        ("class Balanced(Sampler): ...", "loader"),
        ("class Trainer:\n    def run(self):\n        self.loss.backward()", "train"),
        ("class Scale(BaseEstimator, TransformerMixin): ...", "preprocess"),
        ("class Guess:\n    def fit(self, x): ...\n    def predict(self, x): ...", "model"),
        ("def train_epoch(m):\n    loss.backward()", "train"),
        ("def one_round(m):\n    opt.zero_grad()\n    loss.backward()\n    opt.step()", "train"),
        ("def evaluate(m, loader):\n    m.eval()", "evaluate"),
        ("def plot_history(h):\n    plt.plot(h)", "evaluate"),
        ("def load_data(path):\n    return pd.read_csv(path)", "preprocess"),
        ("def get_things(path):\n    return pd.read_csv(path)", "preprocess"),
        ("def build_model():\n    return Net()", "model"),
        ("def make_loaders(ds):\n    return DataLoader(ds)", "loader"),
        ("def collate_fn(batch): ...", "loader"),
        ("def focal_loss(x, y): ...", "loss"),
        ("def rmse(a, b):\n    return np.sqrt(((a - b) ** 2).mean())", "metric"),
        ("def download_data(url):\n    urlretrieve(url)", "download"),
        ("def simulate(n):\n    for i in range(n):\n        total += i", "train"),
        ("def set_seed(seed):\n    torch.manual_seed(seed)", "other"),
        ("def helper(x):\n    return x + 1", "other"),
        ("def train_val_split(x): ...", "preprocess"),
        ("class Config:\n    a = 1", "settings"),
    ],
)
def test_the_role_of_a_definition(text: str, role: str) -> None:
    (node,) = ast.parse(text).body
    found, evidence = find_definition_role(node, imports=IMPORTS, definitions=DEFINITIONS, place=place)
    assert found == role
    assert role == "other" or evidence
