"""What calls of libraries do, as far as turns of a loop that run apart from each other need to know it.

A call that no table names counts as one that may do anything.
"""

from __future__ import annotations

import re

LIBRARIES = frozenset(
    {
        *(
            "array",
            "base64",
            "bisect",
            "collections",
            "copy",
            "csv",
            "datetime",
            "difflib",
            "fnmatch",
            "fractions",
        ),
        *(
            "functools.partial",
            "functools.reduce",
            "glob",
            "gzip",
            "hashlib",
            "heapq",
            "html",
            "io",
            "itertools",
        ),
        *("json", "math", "operator", "os.path", "pathlib", "pickle", "posixpath", "pprint.pformat", "re"),
        *("shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.move", "statistics", "string", "struct"),
        *("textwrap", "time", "unicodedata", "wave", "xml.etree", "zlib"),
        *(
            "os.fspath",
            "os.getcwd",
            "os.getenv",
            "os.listdir",
            "os.makedirs",
            "os.mkdir",
            "os.remove",
            "os.rename",
        ),
        *("os.environ.get", "os.replace", "os.scandir", "os.stat", "os.unlink", "os.walk"),
        *(
            "numpy",
            "pandas",
            "PIL",
            "cv2",
            "librosa",
            "soundfile",
            "skimage",
            "imageio",
            "nibabel",
            "pydicom",
        ),
        *("scipy.fft", "scipy.fftpack", "scipy.integrate", "scipy.interpolate", "scipy.io", "scipy.linalg"),
        *("scipy.ndimage", "scipy.signal", "scipy.sparse", "scipy.spatial", "scipy.special", "scipy.stats"),
        *("bs4", "nltk.stem", "nltk.tokenize", "nltk.word_tokenize", "nltk.sent_tokenize", "networkx"),
        *("torch.load", "torch.save", "torch.from_numpy", "torch.tensor", "torch.as_tensor", "torch.stack"),
        *("torch.cat", "torch.zeros", "torch.ones", "torch.Tensor", "torch.FloatTensor", "torch.LongTensor"),
        *("sklearn.metrics", "sklearn.preprocessing", "tqdm", "yaml.safe_load"),
    }
)
"""Modules, or members of them, whose calls depend on their arguments and on files alone, but for what REFUSED names."""
REFUSED = re.compile(
    r"\.(random|randn?|randint|randu|sample|shuffle|choices?|permutation|permuted|rvs|seed|setRNGSeed|kmeans|"
    r"griffinlim|random_noise|bootstrap|permutation_test|count|cycle|"
    r"set_\w+|set[A-Z]\w*|options|config|seterr\w*|test|show|imshow|waitKey|display|VideoWriter|namedWindow|"
    r"destroy\w*|memmap|to_(hdf|parquet|feather|sql|clipboard|stata|orc|gbq)|HDFStore|ExcelWriter|"
    r"readline|register\w*|enable\w*|disable\w*|util\.example|write_png|tqdm\.write|pandas\.plotting\S*|mmap)(\.|$)"
)
"""Members that draw random numbers, change a state of the process, show something, or write files unseen."""
READERS = re.compile(
    r"(^|\.)(open|imread|read_(csv|table|json|excel|pickle|image|sav|html|xml|fwf|file)|load|loadtxt|genfromtxt|loadmat|"
    r"dcmread|read|imwrite|imsave|save|savez\w*|savetxt|savemat|to_csv|to_json|to_pickle|write|dump|read_text|"
    r"read_bytes|write_text|write_bytes|copy2|copyfile|decompress)$"
)
"""Calls that read or write a file, by the end of their name."""
HEAVY = ("PIL", "cv2", "librosa", "soundfile", "skimage", "nibabel", "pydicom", "scipy", "bs4", "nltk")
"""Libraries of which a call takes long enough to be worth another process."""
ALIASES = re.compile(
    r"^(numpy\.(asarray|asanyarray|ascontiguousarray|asfortranarray|reshape|ravel|squeeze|transpose|swapaxes|moveaxis|"
    r"rollaxis|expand_dims|atleast_\dd|broadcast_\w+|flip\w*|rot90|diagonal|\w*split|real|imag|nan_to_num|frombuffer|"
    r"require|matrix|diag|array)|pandas\.(?!read_)|torch\.(?!load)|copy\.copy|collections\.|itertools\.|functools\.|"
    r"operator\.|networkx\.|heapq\.|scipy\.sparse\.|array\.|tqdm)"
)
"""Calls whose result may be, or hold, what they were given; the results of others are new."""
CHANGES = re.compile(
    r"^(numpy\.(copyto|put|place|putmask|fill_diagonal|put_along_axis)|heapq\.(heap|nl)\w*|bisect\.insort\w*|"
    r"cv2\.(rectangle|circle|line|lines|polylines|putText|drawContours|fillPoly|fillConvexPoly|ellipse|arrowedLine|"
    r"floodFill|drawMarker|drawKeypoints)|csv\.writer|json\.dump|pickle\.dump|shutil\.copyfileobj)$"
)
"""Calls that change what they are given."""
PLAIN_CALLS = re.compile(
    r"^(str|int|float|bool|bytes|len|abs|round|ord|chr|hash|repr|ascii|format|isinstance|issubclass|callable|hasattr|"
    r"range|pow|divmod|bin|hex|oct|complex|type|id|time\.\w+|os\.path\.\w+|os\.getcwd|os\.getenv|os\.fspath|math\.\w+|"
    r"re\.(sub|escape)|os\.environ\.get|print)$"
)
"""Calls that give numbers, texts, or others of which no part can change."""
NEW_HOLDERS = frozenset(
    {
        "list",
        "dict",
        "set",
        "tuple",
        "frozenset",
        "sorted",
        "reversed",
        "zip",
        "enumerate",
        "map",
        "filter",
        "iter",
    }
)
"""Builtins that give something new with what they were given inside."""
PARTS = frozenset({"min", "max", "sum", "next", "getattr", "any", "all", "slice", "super"})
"""Builtins that may give a part of what they were given."""
READ_ONLY = frozenset(
    {
        *("append_path", "as_posix", "astype", "capitalize", "casefold", "center", "copy", "count", "decode"),
        *(
            "difference",
            "encode",
            "endswith",
            "exists",
            "expanduser",
            "find",
            "findall",
            "finditer",
            "format",
        ),
        *(
            "fullmatch",
            "get",
            "glob",
            "group",
            "groups",
            "groupdict",
            "index",
            "intersection",
            "is_dir",
            "is_file",
        ),
        *(
            "isalnum",
            "isalpha",
            "isdigit",
            "isin",
            "isdisjoint",
            "islower",
            "isnumeric",
            "isspace",
            "issubset",
        ),
        *(
            "issuperset",
            "istitle",
            "isupper",
            "item",
            "items",
            "iterdir",
            "iterrows",
            "itertuples",
            "join",
            "joinpath",
        ),
        *(
            "keys",
            "ljust",
            "lower",
            "lstrip",
            "match",
            "mkdir",
            "most_common",
            "open",
            "partition",
            "read_bytes",
        ),
        *(
            "read_text",
            "relative_to",
            "rename",
            "replace",
            "resolve",
            "rfind",
            "rglob",
            "rindex",
            "rjust",
            "rpartition",
        ),
        *(
            "rsplit",
            "rstrip",
            "search",
            "split",
            "splitlines",
            "startswith",
            "stat",
            "stem",
            "lemmatize",
            "strip",
            "sub",
        ),
        *(
            "swapcase",
            "symmetric_difference",
            "title",
            "tobytes",
            "tolist",
            "tostring",
            "translate",
            "union",
            "unlink",
        ),
        *("upper", "values", "with_name", "with_stem", "with_suffix", "write_bytes", "write_text", "zfill"),
        *(
            "all",
            "any",
            "argmax",
            "argmin",
            "argsort",
            "clip",
            "cumsum",
            "dot",
            "flatten",
            "max",
            "mean",
            "median",
        ),
        *(
            "min",
            "nonzero",
            "prod",
            "ptp",
            "ravel",
            "repeat",
            "reshape",
            "round",
            "squeeze",
            "std",
            "sum",
            "swapaxes",
        ),
        *(
            "take",
            "transpose",
            "var",
            "abs",
            "agg",
            "apply",
            "assign",
            "corr",
            "describe",
            "diff",
            "drop",
            "dropna",
        ),
        *(
            "drop_duplicates",
            "duplicated",
            "eq",
            "explode",
            "fillna",
            "filter",
            "groupby",
            "head",
            "idxmax",
            "idxmin",
        ),
        *(
            "isna",
            "isnull",
            "map",
            "melt",
            "merge",
            "notna",
            "notnull",
            "nunique",
            "pivot",
            "pivot_table",
            "quantile",
        ),
        *(
            "query",
            "rank",
            "rolling",
            "select_dtypes",
            "shift",
            "sort_index",
            "sort_values",
            "tail",
            "to_csv",
            "to_dict",
        ),
        *(
            "to_json",
            "to_list",
            "to_numpy",
            "to_pickle",
            "to_string",
            "unique",
            "unstack",
            "value_counts",
            "xs",
        ),
        *(
            "convert",
            "crop",
            "getpixel",
            "getdata",
            "resize",
            "rotate",
            "save",
            "date",
            "isoformat",
            "strftime",
        ),
        *("timetuple", "total_seconds", "timestamp", "weekday", "add_suffix", "absolute", "is_absolute"),
    }
)
"""Methods that leave their object, whatever it is, as it was, unless they are told otherwise (`inplace`, `out`)."""
UNSEEN_WRITES = re.compile(r"^to_(hdf|parquet|feather|sql|clipboard|stata|orc|gbq|excel)$")
DRAWS = re.compile(
    r"^(sample|shuffle|rand|randn|randint|random|random_\w+|choice|choices|uniform|uniform_|normal|normal_|rvs|"
    r"permutation|bernoulli_?|multinomial|dropout\w*|seed|manual_seed)$"
)
"""Methods that draw random numbers from a generator that all turns share."""
BUILTINS = PARTS | NEW_HOLDERS | {"open", "bytearray", "object", "Exception", "ValueError", "RuntimeError"}
"""Builtins that may be called, beside those of PLAIN_CALLS."""


def is_known(qualified: str) -> bool:
    """Whether a call of a library keeps to its arguments and to files."""
    parts = qualified.split(".")
    listed = any(".".join(parts[:end]) in LIBRARIES for end in range(1, len(parts) + 1))
    return listed and REFUSED.search(qualified) is None


def is_heavy(qualified: str) -> bool:
    """Whether a call takes long enough to be worth another process: it reads or writes a file, or computes a lot."""
    return qualified.partition(".")[0] in HEAVY or READERS.search(qualified) is not None
