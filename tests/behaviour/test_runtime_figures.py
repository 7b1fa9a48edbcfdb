"""Figures that would have been shown are saved under names that do not depend on the process."""

from __future__ import annotations

from pathlib import Path

from runtime_project import make_project

PIPELINE = """
from .utils.resume import Pipeline, Step


def first():
    import matplotlib.pyplot as plt

    plt.plot([1, 2])
    plt.figure()
    plt.plot([2, 1])
    plt.show()
    fig, ax = plt.subplots()
    plt.show()
    print(plt.get_backend().rpartition(".")[2], plt.get_fignums())


def second():
    from .utils.figures import show_figures

    import matplotlib.pyplot as plt

    plt.plot([1])
    show_figures()
    show_figures()


PIPELINE = Pipeline(
    Step("train", first, role="train", program="a"),
    Step("evaluate", second, role="evaluate", program="a"),
    package=__package__,
)
"""


def test_shown_figures_are_saved_and_closed(tmp_path: Path) -> None:
    project = make_project(tmp_path, PIPELINE)
    assert project.run("train-all").stdout == "figure_backend []\n"
    folder = tmp_path / "reports" / "figures"
    names = ["evaluate-01.png", "train-01.png", "train-02.png", "train-03.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    before = {name: (folder / name).read_bytes() for name in names}
    (folder / "train-02.png").unlink()
    assert "reports/figures/train-02.png, which it wrote, is gone" in project.run("status").stdout
    project.run("train-all")
    assert {name: (folder / name).read_bytes() for name in names} == before
