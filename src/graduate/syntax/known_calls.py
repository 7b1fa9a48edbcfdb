"""What calls of libraries do, as far as turns of a loop that run apart from each other need to know it.

A call that no table names counts as one that may do anything.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LIBRARIES = _words(
    """
    PIL array base64 bisect bs4 collections copy csv cv2 datetime difflib fnmatch fractions functools.partial
    functools.reduce glob gzip hashlib heapq html imageio io itertools json librosa math networkx nibabel
    nltk.sent_tokenize nltk.stem nltk.tokenize nltk.word_tokenize numpy operator os.environ.get os.fspath
    os.getcwd os.getenv os.listdir os.makedirs os.mkdir os.path os.remove os.rename os.replace os.scandir
    os.stat os.unlink os.walk pandas pathlib pickle posixpath pprint.pformat pydicom re scipy.fft scipy.fftpack
    scipy.integrate scipy.interpolate scipy.io scipy.linalg scipy.ndimage scipy.signal scipy.sparse
    scipy.spatial scipy.special scipy.stats shutil.copy shutil.copy2 shutil.copyfile shutil.move skimage
    sklearn.metrics sklearn.preprocessing soundfile statistics string struct textwrap time torch.FloatTensor
    torch.LongTensor torch.Tensor torch.as_tensor torch.cat torch.from_numpy torch.load torch.ones torch.save
    torch.stack torch.tensor torch.zeros tqdm unicodedata wave xml.etree yaml.safe_load zlib
    """
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
    r"dcmread|imwrite|imsave|save|savez\w*|savetxt|savemat|to_csv|to_json|to_pickle|dump|read_text|"
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
READ_ONLY = _words(
    """
    abs absolute add_suffix agg all any append_path apply argmax argmin argsort as_posix assign astype
    capitalize casefold center clip convert copy corr count crop cumsum date decode describe diff difference dot
    drop drop_duplicates dropna duplicated encode endswith eq exists expanduser explode fillna filter find
    findall finditer flatten format fullmatch get getdata getpixel glob group groupby groupdict groups head
    idxmax idxmin index intersection is_absolute is_dir is_file isalnum isalpha isdigit isdisjoint isin islower
    isna isnull isnumeric isoformat isspace issubset issuperset istitle isupper item items iterdir iterrows
    itertuples join joinpath keys lemmatize ljust lower lstrip map match max mean median melt merge min mkdir
    most_common nonzero notna notnull nunique open partition pivot pivot_table prod ptp quantile query rank
    ravel read_bytes read_text relative_to rename repeat replace reshape resize resolve rfind rglob rindex rjust
    rolling rotate round rpartition rsplit rstrip save search select_dtypes shift sort_index sort_values split
    splitlines squeeze startswith stat std stem strftime strip sub sum swapaxes swapcase symmetric_difference
    tail take timestamp timetuple title to_csv to_dict to_json to_list to_numpy to_pickle to_string tobytes
    tolist tostring total_seconds translate transpose union unique unlink unstack upper value_counts values var
    weekday with_name with_stem with_suffix write_bytes write_text xs zfill
    """
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
