"""What a notebook shows of plans, swaps and diagnoses."""

from __future__ import annotations

from html.parser import HTMLParser

import torch
from torch import nn

import rectifiers


class Cells(HTMLParser):
    """The texts of all cells, and whether every tag that is opened is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))


def test_plan() -> None:
    plan = rectifiers.plan_swap(net(), "pvlu", example=(1, 2))
    texts = Cells(plan._repr_html_()).texts
    assert texts[0] == plan.summary()
    assert [text for row in plan.rows() for text in row] == texts[1:15]
    assert texts[15:] == plan.remarks()


def test_report_of_a_swap() -> None:
    report = rectifiers.swap(net(), "pvlu", example=(1, 2))
    texts = Cells(report._repr_html_()).texts
    assert report.plan.summary() in texts
    assert texts[-1] == "outputs on the example: identical"


def test_diagnosis() -> None:
    model = nn.Sequential(nn.Linear(1, 2), nn.ReLU())
    model[0].weight.data.fill_(0.0)
    model[0].bias.data.copy_(torch.tensor([1.0, -1.0]))
    diagnosis = rectifiers.diagnose(model, [torch.randn(8, 1)]).with_note("a < b")
    texts = Cells(diagnosis._repr_html_()).texts
    assert texts[0] == diagnosis.summary()
    assert {"site", "dead", "1 (relu)", "50 %", "note: a < b"} <= {*texts}
    assert all(str(finding).splitlines()[0] in texts for finding in diagnosis.findings)
