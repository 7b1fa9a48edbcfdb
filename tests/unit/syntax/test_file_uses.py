"""File names in code: put together from their parts, and read or written."""

from __future__ import annotations

import ast

import pytest

from graduate.syntax.file_uses import find_file_uses

CASES = [
    ("pd.read_csv('a.csv')", {("a.csv", "read")}),
    ("df.to_csv('a.csv')", {("a.csv", "write")}),
    ("open('a.txt')", {("a.txt", "read")}),
    ("open('a.txt', 'w')", {("a.txt", "write")}),
    ("open('a.txt', mode='ab')", {("a.txt", "write")}),
    ("plt.savefig('f.png')", {("f.png", "write")}),
    ("torch.save(model, 'm.pt')", {("m.pt", "write")}),
    ("np.load(file='x.npy')", {("x.npy", "read")}),
    ("name = 'a.csv'", {("a.csv", "named")}),
    ("F = 'a.csv'\npd.read_csv(F)", {("a.csv", "named"), ("a.csv", "read")}),
    ("pd.read_csv(os.path.join('data', 'x', 'a.csv'))", {("data/x/a.csv", "read")}),
    ("pd.read_csv(Path('data') / 'a.csv')", {("data/a.csv", "read")}),
    ("D = Path('data')\nD = D", set()),
    ("pd.read_csv(D + '/a.csv')", {("*/a.csv", "read")}),
    ("pd.read_csv(f'data/{x}.csv')", {("data/*.csv", "read")}),
    ("pd.read_csv('data/{}.csv'.format(x))", {("data/*.csv", "read")}),
    ("pd.read_csv('data/%s.csv' % x)", {("data/*.csv", "read")}),
    ("glob.glob('data/*.csv')", {("data/*.csv", "read")}),
    ("Path('data').rglob('*.csv')", {("data", "read"), ("data/**/*.csv", "named")}),
    ("Path('a.txt').read_text()", {("a.txt", "read")}),
    ("Path('a.txt').write_text('content')", {("a.txt", "write")}),
    ("Path('a.txt').open('w')", {("a.txt", "write")}),
    ("'''docs a.csv'''", set()),
    ("pd.read_csv('https://x.org/a.csv')", set()),
]


@pytest.mark.parametrize(("code", "expected"), CASES)
def test_file_uses(code: str, expected: set[tuple[str, str]]) -> None:
    found = {(use.pattern, use.mode) for use in find_file_uses(ast.parse(code))}
    assert expected <= found
    files = {one for one in found if "." in one[0].rpartition("/")[2]}
    assert files <= expected


HERE = [
    ("Path(__file__).parent / 'a.csv'", "a.csv"),
    ("os.path.join(os.path.dirname(__file__), 'd', 'a.csv')", "d/a.csv"),
    ("os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'a.csv')", "../a.csv"),
    ("Path(__file__).resolve().parent.parent / 'a.csv'", "../a.csv"),
    ("H = os.path.dirname(__file__)\nopen(H + '/a.csv')", "a.csv"),
]


@pytest.mark.parametrize(("code", "pattern"), HERE)
def test_names_relative_to_the_module(code: str, pattern: str) -> None:
    assert pattern in {use.pattern for use in find_file_uses(ast.parse(code)) if use.here}


def test_option_default_that_is_written() -> None:
    code = "p.add_argument('-o', '--out-file', default='m.pt')\nargs = p.parse_args()\ntorch.save(m, args.out_file)"
    assert {(u.pattern, u.mode) for u in find_file_uses(ast.parse(code))} >= {
        ("m.pt", "named"),
        ("m.pt", "write"),
    }


def test_a_name_that_stands_for_two_files_is_not_known() -> None:
    code = "f = 'a.csv'\nf = 'b.csv'\nopen(f)"
    assert not [use for use in find_file_uses(ast.parse(code)) if use.mode == "read"]
