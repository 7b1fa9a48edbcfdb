"""Which distribution provides an imported module, where the index of public names has no answer or a worse one.

The first one is the usual choice, the others provide the same module and are taken when the repository asks for them.
"""

from __future__ import annotations

DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "Crypto": ("pycryptodome", "pycrypto"),
    "Levenshtein": ("levenshtein", "python-levenshtein"),
    "PIL": ("pillow", "pillow-simd"),
    "apex": (),
    "clip": ("openai-clip", "clip-anytorch"),
    "community": ("python-louvain",),
    "cupy": ("cupy-cuda12x", "cupy-cuda11x", "cupy-cuda13x", "cupy"),
    "cv2": (
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ),
    "discord": ("discord.py", "py-cord"),
    "dolfin": (),
    "en_core_web_sm": (),
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "glmnet_python": ("glmnet-py",),
    "google.api_core": ("google-api-core",),
    "google.auth": ("google-auth",),
    "google.cloud": ("google-cloud",),
    "google.genai": ("google-genai",),
    "google.generativeai": ("google-generativeai",),
    "google.oauth2": ("google-auth",),
    "google.protobuf": ("protobuf",),
    "igraph": ("igraph", "python-igraph"),
    "kerastuner": ("keras-tuner",),
    "mpl_toolkits.basemap": ("basemap",),
    "msgpack": ("msgpack", "msgpack-python"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "nvidia.dali": ("nvidia-dali-cuda120",),
    "osgeo": ("GDAL",),
    "pkg_resources": ("setuptools",),
    "psycopg2": ("psycopg2-binary", "psycopg2"),
    "ruamel": ("ruamel.yaml",),
    "sklearn": ("scikit-learn", "scikit-learn-intelex"),
    "sklearnex": ("scikit-learn-intelex",),
    "surprise": ("scikit-surprise",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-macos"),
    "torch": ("torch", "pytorch"),
    "xgboost": ("xgboost", "xgboost-cpu"),
}

# Where the choice changes what the program can do or needs of the machine, so that nobody can make it but its author.
CHOICES = {"clip", "cupy", "cv2", "discord", "faiss", "onnxruntime", "psycopg2"}

# Names that no distribution of the same name stands behind: a module of the author's that is not in the folder.
OWN_NAMES = {
    *(
        "util",
        "utils",
        "helper",
        "helpers",
        "model",
        "models",
        "data",
        "dataset",
        "config",
        "configs",
        "common",
    ),
    *("lib", "src", "core", "tools", "misc", "train", "trainer", "test", "tests", "eval", "evaluate", "main"),
    *(
        "preprocess",
        "preprocessing",
        "metrics",
        "losses",
        "layers",
        "network",
        "networks",
        "options",
        "constants",
    ),
    *("setup", "docs", "example", "examples", "script", "scripts", "demo", "notebooks", "benchmarks"),
    *("settings", "params", "globals", "functions", "plotting", "loader", "dataloader", "mylib", "modules"),
}

# Needed when the code is run, though nothing imports them: what pandas and others load by name.
PLUGINS = {
    *("openpyxl", "xlrd", "xlsxwriter", "odfpy", "pyxlsb", "pyarrow", "fastparquet", "lxml", "html5lib"),
    *(
        "tables",
        "h5py",
        "netcdf4",
        "h5netcdf",
        "zarr",
        "numexpr",
        "bottleneck",
        "tabulate",
        "jinja2",
        "ipywidgets",
    ),
    *(
        "psycopg2",
        "psycopg2-binary",
        "pymysql",
        "mysqlclient",
        "sqlalchemy",
        "s3fs",
        "gcsfs",
        "adlfs",
        "fsspec",
    ),
    *("kaleido", "imageio-ffmpeg", "tensorboard", "sentencepiece", "protobuf", "tiktoken", "accelerate"),
    *(
        "hydra-colorlog",
        "hydra-submitit-launcher",
        "omegaconf",
        "python-snappy",
        "zstandard",
        "pyqt5",
        "tkinter",
    ),
}
