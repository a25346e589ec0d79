"""What a person looks at: complete, self-contained, and honest about what is missing."""

import html.parser
import importlib
import json
import pathlib
import re

import matplotlib.figure
import pytest

from jaxlab import report, store
from jaxlab.report import _table
from jaxlab.studies import _study, _style

HERE = pathlib.Path(__file__).parent.parent
toy = importlib.import_module("toy_study")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "run"
    run = store.create(toy.STUDY, toy.Config(), path, preset="quick")
    store.advance(run, toy.STUDY, progress=False)
    return run, report.publish(run, toy.STUDY)


class Page(html.parser.HTMLParser):
    """Tags in order, attributes, and the text of a page; refuses unbalanced tags."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.words, self.stack = [], [], [], []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in ("meta", "img", "th"):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_is_self_contained_and_runs_nothing(published):
    text = published[1].path.read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert page.links
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    style = text[: text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_claims_come_first_and_verdicts_are_words(published):
    run, (claims, path) = published
    page = Page(path.read_text())
    assert page.tags.index("table") < page.tags.index("img")
    words = " ".join(page.words)
    for claim in claims:
        assert claim.statement in words
        assert claim.source in words
        assert re.search(f". {claim.verdict}", words)
    assert "jaxlab run toy --preset quick" in words
    assert run.environment["fingerprint"]["digest"] in words
    assert "6 cells (median" in words
    assert "cells are missing" not in words


def test_everything_from_the_study_is_escaped(published):
    evil = "<script>alert('\"&')</script>"
    run, _ = published
    study = toy.STUDY._replace(name=evil, summary=evil, source=evil)
    run = run._replace(study=evil, config={**run.config}, environment={evil: evil})
    claim = _study.Claim(evil, evil, evil, evil, evil, "refuted")
    figure = _study.Figure("evil", evil, matplotlib.figure.Figure(figsize=(1, 1)))
    dataset = store.load(run.path)
    dataset.loss.attrs["long_name"] = evil
    page = Page(report.render(study, run, dataset, [claim], [figure]))
    assert "script" not in page.tags
    assert " ".join(page.words).count(evil) >= 9


def test_missing_cells_are_named(tmp_path):
    run = store.create(toy.STUDY, toy.Config(), tmp_path / "run", preset="quick")
    store.advance(run, toy.STUDY, shard=(0, 2), progress=False)
    text = report.publish(run, toy.STUDY).path.read_text()
    assert "3 of 6 cells are missing (bfloat16-depth2, float32-depth1, float32-depth3)" in text


def test_the_command_names_the_flags_that_differ_and_the_compiler_flags(published):
    run = published[0]._replace(
        config={**published[0].config, "depths": [7], "pause": 0.5},
        environment={"xla_flags": "--xla_a=1 --xla_b=2"},
    )
    assert report.command(toy.STUDY, run) == (
        "XLA_FLAGS='--xla_a=1 --xla_b=2' jaxlab run toy --preset quick --depths 7 --pause 0.5"
    )


def test_the_command_of_a_strict_run_is_strict(published):
    run = published[0]._replace(environment={"strict": True})
    assert report.command(toy.STUDY, run) == "jaxlab run toy --preset quick --strict"


def test_claims_json_holds_the_claims(published):
    run, (claims, _) = published
    assert [_study.Claim(**c) for c in json.loads((run.path / "claims.json").read_text())] == claims


def test_publishing_again_gives_the_same_bytes(published):
    run, (_, path) = published
    names = ["report.html", "claims.json", "figures/loss.png", "figures/loss.pdf"]
    before = [(run.path / name).read_bytes() for name in names]
    report.publish(run, toy.STUDY)
    assert [(run.path / name).read_bytes() for name in names] == before
    assert {entry.name for entry in path.parent.iterdir()} == {
        "manifest.json", "data.zarr", "cells", "figures", "claims.json", "report.html",
    }  # fmt: skip


def test_pictures_have_200_dots_per_inch(published):
    data = (published[0].path / "figures/loss.png").read_bytes()
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (1000, 600)


@pytest.mark.parametrize("width", [1, 20, 40, 71, 72, 80, 100, 200])
def test_the_table_fits_the_terminal_and_loses_no_word(published, width):
    claims = published[1].claims
    text = report.format_claims(claims, width)
    assert max(map(len, text.splitlines())) <= max(width, 20)
    squeezed = re.sub(r"\W", "", text)
    for claim in claims:
        for word in re.findall(r"\w+", f"{claim.statement} {claim.expected} {claim.measured}"):
            assert word in squeezed
    assert text.splitlines()[-1].endswith("comparable")


def test_a_table_without_claims_says_so():
    assert report.format_claims([], 80).endswith("0 claims")


def test_long_values_without_spaces_still_fit():
    claim = _study.Claim("x" * 300, "", "y" * 200, "z" * 200, "", "not comparable")
    assert max(map(len, _table.format_claims([claim], 80).splitlines())) <= 80


def test_figure_names_that_are_no_file_names_are_refused(published):
    def figures(dataset):
        return [_study.Figure("../x", "", matplotlib.figure.Figure())]

    with pytest.raises(ValueError, match=r"got '\.\./x', expected letters"):
        report.publish(published[0], toy.STUDY._replace(figures=figures))


def test_formats_keep_their_colour_and_unknown_ones_get_a_stable_one():
    colours = [_style.colour(name) for name in ("float64", "float32", "bfloat16", "float16")]
    assert len(set(colours)) == 4
    assert _style.line("posit16") == _style.line("posit16")
    assert re.fullmatch(r"#[0-9a-f]{6}", _style.colour("posit16"))
