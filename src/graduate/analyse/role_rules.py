"""The evidence table: which calls, classes, names and headings speak for which role, and how strongly.

A weight of 3 decides on its own, 1 leans, under 0.5 breaks ties. Patterns are those of `fnmatch`,
matched against names resolved through the imports; the first rule that matches wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from graduate.model.facts import Role

Score = tuple[Role, float]


@dataclass(frozen=True, slots=True)
class Rule:
    """Names that match any of `patterns` speak for the roles of `scores`."""

    patterns: tuple[str, ...]
    scores: tuple[Score, ...]


def _rule(patterns: str, *scores: Score) -> Rule:
    return Rule(tuple(patterns.split()), scores)


CALLS: tuple[Rule, ...] = (
    _rule(
        "requests.get requests.post requests.Session urllib.request.* urllib.urlretrieve wget.download "
        "gdown.* kagglehub.* pooch.* sklearn.datasets.fetch_* *.utils.get_file nltk.download boto3.* "
        "huggingface_hub.* torch.hub.download_url_to_file torchvision.datasets.utils.* opendatasets.* "
        "tarfile.open zipfile.ZipFile shutil.unpack_archive",
        ("download", 4.0),
    ),
    _rule("pandera.* great_expectations.* jsonschema.validate", ("validate", 3.0)),
    _rule("numpy.testing.* pandas.testing.* torch.testing.*", ("validate", 1.5)),
    _rule(
        "sklearn.datasets.* *.datasets.*.load_data seaborn.load_dataset datasets.load_dataset "
        "datasets.load_from_disk tensorflow_datasets.load torchaudio.load statsmodels.datasets.*",
        ("preprocess", 3.0),
    ),
    _rule("pandas.read_* polars.read_* polars.scan_* geopandas.read_file dask.*.read_*", ("preprocess", 3.0)),
    _rule(
        "numpy.load numpy.loadtxt numpy.genfromtxt numpy.fromfile scipy.io.* h5py.File xarray.open_*",
        ("preprocess", 2.0),
    ),
    _rule("sklearn.model_selection.train_test_split torch.utils.data.random_split", ("preprocess", 3.0)),
    _rule(
        "sklearn.preprocessing.* sklearn.impute.* sklearn.feature_extraction.* sklearn.feature_selection.* "
        "imblearn.* *.AutoTokenizer.* *Tokenizer.from_pretrained torchvision.transforms.* albumentations.*",
        ("preprocess", 2.0),
    ),
    _rule("sklearn.decomposition.* sklearn.manifold.* scipy.signal.* scipy.ndimage.*", ("preprocess", 0.8)),
    _rule("pandas.DataFrame.from_* pandas.concat pandas.merge pandas.get_dummies", ("preprocess", 1.0)),
    _rule("pandas.set_option pandas.options.*"),
    _rule("pandas.* polars.*", ("preprocess", 0.5)),
    _rule("json.load csv.reader csv.DictReader PIL.Image.open cv2.imread", ("preprocess", 1.0)),
    _rule("open glob.glob os.listdir", ("preprocess", 0.5), ("evaluate", 0.2)),
    _rule("numpy.save numpy.savez* numpy.savetxt json.dump", ("preprocess", 0.4), ("evaluate", 0.6)),
    _rule("torchvision.datasets.* torchtext.datasets.* torchaudio.datasets.*", ("dataset", 3.0)),
    _rule("torch.utils.data.*Dataset torch.utils.data.Subset xgboost.*DMatrix", ("dataset", 2.0)),
    _rule("lightgbm.Dataset catboost.Pool tensorflow.data.*", ("dataset", 2.0)),
    _rule("torch.utils.data.* torch_geometric.loader.* torch_geometric.data.DataLoader", ("loader", 3.0)),
    _rule("torch.nn.*Loss torch.nn.modules.loss.* *.losses.*", ("loss", 1.5)),
    _rule("torch.nn.functional.*", ("train", 0.3)),
    _rule("torch.nn.utils.*", ("train", 1.0)),
    _rule("torch.nn.Sequential torch.nn.Module", ("model", 3.0)),
    _rule("torch.nn.* torchvision.models.* timm.create_model torch.hub.load", ("model", 2.5)),
    _rule("*.Sequential *.models.Model keras.Model keras.Input tensorflow.keras.Input", ("model", 3.0)),
    _rule("keras.layers.* tensorflow.keras.layers.* *.AutoModel*.from_pretrained", ("model", 2.5)),
    _rule("transformers.*Model*.from_pretrained transformers.*For*.from_pretrained", ("model", 3.0)),
    _rule("torch.optim.* *.optimizers.* transformers.get_*_schedule* optax.*", ("train", 2.0)),
    _rule("keras.callbacks.* tensorflow.keras.callbacks.* torch.utils.tensorboard.*", ("train", 1.0)),
    _rule(
        "torch.amp.* torch.cuda.amp.* accelerate.* transformers.Trainer* transformers.*Arguments",
        ("train", 1.5),
    ),
    _rule("xgboost.train lightgbm.train xgboost.cv lightgbm.cv catboost.train", ("train", 4.0)),
    _rule("optuna.create_study *.Trainer", ("train", 2.0)),
    _rule(
        "sklearn.model_selection.cross_val* sklearn.model_selection.*_curve",
        ("train", 2.0),
        ("evaluate", 1.0),
    ),
    _rule("sklearn.model_selection.*SearchCV", ("train", 2.0), ("model", 1.0)),
    _rule("sklearn.model_selection.*", ("train", 0.7)),
    _rule("sklearn.metrics.* torchmetrics.* sklearn.inspection.* shap.* torcheval.*", ("evaluate", 1.5)),
    _rule("sklearn.utils.*"),
    _rule("sklearn.pipeline.* sklearn.compose.*", ("model", 1.0), ("preprocess", 1.0)),
    _rule("sklearn.*.* sklearn.linear_model.*", ("model", 2.0)),
    _rule("xgboost.XGB* lightgbm.LGBM* catboost.CatBoost*", ("model", 2.0)),
    _rule("statsmodels.*", ("model", 1.0), ("train", 1.0)),
    _rule("scipy.optimize.* emcee.* pymc.sample jax.grad jax.value_and_grad", ("train", 1.5)),
    _rule("scipy.integrate.*", ("train", 1.0)),
    _rule("scipy.stats.*", ("evaluate", 0.4)),
    _rule("torch.save joblib.dump pickle.dump", ("train", 0.8), ("evaluate", 0.4)),
    _rule("torch.no_grad torch.inference_mode", ("evaluate", 0.8)),
    _rule("matplotlib.pyplot.style.* matplotlib.use matplotlib.rc* seaborn.set*"),
    _rule("matplotlib.* seaborn.* plotly.* bokeh.* altair.*", ("evaluate", 0.8)),
)

# Methods of objects whose type is not known: the name of the method is all there is.
METHODS: tuple[Rule, ...] = (
    _rule("backward", ("train", 4.0)),
    _rule("zero_grad partial_fit", ("train", 3.0)),
    _rule("fit fit_generator train_on_batch", ("train", 3.0)),
    _rule("compile", ("train", 1.0)),
    _rule("fit_transform fit_resample", ("preprocess", 2.0)),
    _rule("transform inverse_transform", ("preprocess", 1.2)),
    _rule("predict predict_proba decision_function score evaluate", ("evaluate", 2.0)),
    _rule("savefig confusion_matrix", ("evaluate", 1.0)),
    _rule(
        "plot hist scatter bar boxplot imshow legend set_title set_xlabel set_ylabel tight_layout axhline",
        ("evaluate", 0.6),
    ),
    _rule(
        "dropna fillna drop drop_duplicates merge get_dummies astype reset_index set_index rename "
        "interpolate sort_values resample rolling pivot pivot_table melt map applymap replace value_counts groupby",
        ("preprocess", 0.8),
    ),
    _rule("isnull isna notnull", ("preprocess", 0.4), ("validate", 0.3)),
    _rule("head tail describe info nunique corr sample", ("preprocess", 0.7)),
    _rule("to_csv to_parquet to_pickle to_json to_excel", ("preprocess", 0.5), ("evaluate", 0.5)),
    _rule("load_state_dict eval", ("evaluate", 0.8)),
    _rule("savez", ("evaluate", 0.3)),
)

# Methods whose meaning depends on what they are called on: (method, receiver, score).
RECEIVERS: tuple[tuple[str, re.Pattern[str], Score], ...] = (
    (
        "fit",
        re.compile(r"scal|encod|vectori|imput|transform|tokeni|^pca$|^le$|^ohe$|tfidf|normali|binariz", re.I),
        ("preprocess", 2.0),
    ),
    ("step", re.compile(r"opt|sched|scaler", re.I), ("train", 2.0)),
    ("train", re.compile(r"trainer|model|net|learn|agent", re.I), ("train", 2.0)),
    ("run", re.compile(r"trainer|train|simul|experiment", re.I), ("train", 2.0)),
    ("optimize", re.compile(r"study", re.I), ("train", 3.0)),
    ("load_model", re.compile(r"."), ("evaluate", 0.8)),
)

BASES: tuple[Rule, ...] = (
    _rule(
        "torch.utils.data.*Dataset *.LightningDataModule tensorflow.keras.utils.Sequence", ("dataset", 4.0)
    ),
    _rule("torch.utils.data.*Sampler torch.utils.data.DataLoader", ("loader", 4.0)),
    _rule("torch.nn.modules.loss.* torch.nn.*Loss *.losses.Loss", ("loss", 4.0)),
    _rule("*Module *.keras.Model keras.Model *.layers.Layer", ("model", 4.0)),
    _rule("sklearn.base.TransformerMixin", ("preprocess", 4.5)),
    _rule("sklearn.base.*", ("model", 4.0)),
    _rule("torch.optim.* *.callbacks.* *.Callback transformers.Trainer", ("train", 4.0)),
    _rule("torchmetrics.*", ("metric", 4.0)),
    _rule("*BaseSettings", ("settings", 4.0)),
)

# Names of functions and classes, in snake case. Order matters: "train_test_split" is not training.
_NAMES: tuple[tuple[str, Score], ...] = (
    (r"^(fetch|download|scrape|crawl)(_|$)|(^|_)download(_|$)", ("download", 3.0)),
    (
        r"^(get|parse|read|load|make|build|create)_(\w+_)?(args|arguments|parser|options|opts|config|cfg)$",
        ("other", 0.0),
    ),
    (r"^(plot|draw|show|visuali[sz]e|report|summari[sz]e|print)(_|$)", ("evaluate", 2.5)),
    (
        r"^(evaluate|eval|estimate|test|predict|infer)(_|$)|(^|_)(evaluation|evaluator)$",
        ("evaluate", 2.5),
    ),
    (r"(^|_)(train_test_split|split_data|split_dataset|train_val_split)(_|$)", ("preprocess", 3.0)),
    (r"(^|_)collate(_fn)?(_|$)|(^|_)(data_?)?loaders?$|(^|_)sampler$", ("loader", 3.0)),
    (r"(^|_)loss(_fn|_function)?$|(^|_)criterion$", ("loss", 2.5)),
    (r"^(check|validate|verify)_(data|inputs?|frame|df|schema|columns)", ("validate", 3.0)),
    (r"^validate(_|$)", ("evaluate", 2.5)),
    (
        r"(^|_)(accuracy|rmse|mae|mse|auc|f1|precision|recall|r2|iou|dice|metrics?)(_score)?$",
        ("metric", 2.5),
    ),
    (r"^(train|fit|learn|optimi[sz]e)(_|$)|(^|_)(trainer|training)$|(^|_)epoch$", ("train", 3.0)),
    (
        r"^(build|make|create|get|init|load)_(\w+_)?(model|net|network|classifier|regressor)s?$",
        ("model", 3.0),
    ),
    (r"(^|_)(model|net|network|encoder|decoder|autoencoder)$", ("model", 1.0)),
    (r"(^|_)dataset$", ("dataset", 2.0)),
    (
        r"^(load|read|get|make|prepare|generate|create)_(\w+_)?(data|dataset|datasets|df|frame|images)$",
        ("preprocess", 3.0),
    ),
    (
        r"^(preprocess|clean|normali[sz]e|standardi[sz]e|tokeni[sz]e|prepare|augment|encode|impute)(_|$)",
        ("preprocess", 2.5),
    ),
    (r"^(load|read)(_|$)|(^|_)(features?|preprocessing)$", ("preprocess", 1.2)),
    (r"^(simulate|run_simulation|monte_carlo|solve|integrate)(_|$)|(^|_)simulation$", ("train", 1.5)),
    (r"(^|_)(config|settings|hparams|hyperparameters|options)$", ("settings", 1.0)),
)
NAMES = tuple((re.compile(pattern), score) for pattern, score in _NAMES)

# Headings and comments, lower case. The first that matches wins, so the more telling words come first.
_HEADINGS: tuple[tuple[str, Role], ...] = (
    (r"\bdownload|\bfetch", "download"),
    (r"train[\s/_-]*(and[\s_-]*)?(val\w*[\s/_-]*)?test|\bsplit", "preprocess"),
    (
        r"evaluat|\bresults?\b|\bmetrics?\b|\bpredict|confusion|\breport|performance|\btesting\b|conclusion",
        "evaluate",
    ),
    (r"data[\s_-]*loaders?\b|\bbatching\b", "loader"),
    (r"\bloss\b", "loss"),
    (r"\bvalidat\w*\s+(the\s+)?(data|input|schema)|sanity|data (quality|validation)", "validate"),
    (
        r"\btrain\w*|\bfit(ting)?\b|\boptimi[sz]|hyper-?param|grid ?search|cross[- ]valid|\bsimulat",
        "train",
    ),
    (
        r"pre-?process|\bclean|\bload|\bread|\bdata\b|\bdataset|feature|\beda\b|explor|missing|encod|normali[sz]"
        r"|\bscal(e|ing)\b|wrangl|transform",
        "preprocess",
    ),
    (r"\bmodel|\bnetwork|architecture|classifier|regress", "model"),
    (r"visuali[sz]|\bplot|\bfigure", "evaluate"),
)
HEADINGS = tuple((re.compile(pattern), role) for pattern, role in _HEADINGS)

DOWNLOAD_COMMAND = re.compile(
    r"\b(wget|curl|kaggle|gdown|unzip|tar|gunzip|git\s+(lfs|clone)|aws\s+s3|gsutil)\b"
)


@lru_cache(maxsize=16384)
def _match(rules: tuple[Rule, ...], name: str) -> tuple[Score, ...]:
    for rule, pattern in zip(rules, _compiled(rules), strict=True):
        if pattern.match(name):
            return rule.scores
    return ()


@lru_cache
def _compiled(rules: tuple[Rule, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(_union(rule.patterns) for rule in rules)


def _union(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns))


def find_call_scores(qualified: str) -> tuple[Score, ...]:
    """What the call of an imported function speaks for, by its qualified name."""
    return _match(CALLS, qualified)


def find_method_scores(method: str, receiver: str) -> tuple[Score, ...]:
    """What the call of a method on a local object speaks for; `receiver` is its source name, "" if none."""
    for name, pattern, score in RECEIVERS:
        if name == method and receiver and pattern.search(receiver):
            return (score,)
    return _match(METHODS, method)


def find_base_scores(qualified: str) -> tuple[Score, ...]:
    """What a base class speaks for."""
    return _match(BASES, qualified)


@lru_cache(maxsize=16384)
def find_name_score(name: str) -> Score | None:
    """What the name of a function or class speaks for."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower().strip("_")
    for pattern, score in NAMES:
        if pattern.search(snake):
            return score
    return None


@lru_cache(maxsize=16384)
def find_heading_role(heading: str) -> Role | None:
    """The role that a heading or a comment names."""
    text = heading.lower()
    for pattern, role in HEADINGS:
        if pattern.search(text):
            return role
    return None
