"""In which order things are run, what is dropped, and when it ends: on scores made by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
from filelock import FileLock

from rectifiers.core.errors import ConfigError, StoreError
from rectifiers.experiments.compare.budget import Budget, read_budget
from rectifiers.experiments.compare.campaign import FRESH, Campaign, Course
from rectifiers.experiments.compare.findings import read_findings
from rectifiers.experiments.compare.looked import Look, Looked
from rectifiers.experiments.compare.margin import usual_margin
from rectifiers.experiments.compare.preparing import trial_of
from rectifiers.experiments.compare.scores import oriented
from rectifiers.experiments.compare.sequential import compare_sequentially
from rectifiers.experiments.compare.trial import OwnTrial
from rectifiers.experiments.compare.tuning import SEEDS, list_tried, tune
from rectifiers.experiments.compare.variants import AS_IT_IS, Variant, parse_variant
from rectifiers.experiments.compare.verdict import judge
from rectifiers.experiments.result import Result
from rectifiers.experiments.statistics import compare_family
from rectifiers.training.metrics import ACCURACY, Epoch, Measure

Score = Callable[[OwnTrial], float]


class Laboratory:
    """Runs a trial by asking a function for its score; a run takes a second."""

    def __init__(self, score: Score, *, measure: Measure = ACCURACY, validation: bool = True) -> None:
        self.score, self.measure, self.validation = score, measure, validation
        self.kept: dict[str, Result] = {}
        self.seconds = math.inf
        """Most of a call."""
        self.order: list[OwnTrial] = []

    def execute(self, trials: Sequence[OwnTrial], seconds: float, words: str) -> None:
        seconds = min(seconds, self.seconds)
        for trial in trials:
            if trial.id not in self.kept and seconds >= 1:
                seconds -= 1
                self.order.append(trial)
                self.kept[trial.id] = self.result(trial)

    def result(self, trial: OwnTrial) -> Result:
        score = self.score(trial)
        epoch = Epoch(
            epoch=1,
            lr=0.1,
            train_loss=1,
            train_accuracy=1,
            validation_accuracy=score if self.validation else None,
            test_loss=1,
            test_accuracy=score,
            train_seconds=1,
            test_seconds=0,
        )
        status = "done" if math.isfinite(score) else "diverged"
        return Result(
            trial=trial,
            status=status,
            epochs=[epoch] if status == "done" else [],
            parameters=10,
            activation_parameters=0,
            measure=self.measure,
            provenance={"seconds": 1.0},
        )

    def read(self, trial: OwnTrial) -> Result | None:
        return self.kept.get(trial.id)


COMMON = OwnTrial.create(network="a:b#0")


def name_of(trial: OwnTrial) -> str:
    return trial.swaps[0].to if trial.swaps else AS_IT_IS


def make(variant: Variant, seed: int, *, chooses: bool = False) -> OwnTrial:
    return trial_of(COMMON, variant, seed, chooses=chooses)


def campaign(laboratory: Laboratory, names: Sequence[str], *, budget: Budget | None, seeds: int = 5) -> Campaign:
    return Campaign(
        Variant(AS_IT_IS),
        tuple(map(parse_variant, names)),
        make,
        laboratory.execute,
        laboratory.read,
        seeds,
        budget,
        1,
        lambda scores, result: 0.5,
    )


def of(gains: dict[str, float], spread: float = 1.0) -> Score:
    def score(trial: OwnTrial) -> float:
        name = name_of(trial)
        chance = numpy.random.default_rng([trial.seed, *map(ord, name)]).standard_normal()
        return 80 + gains.get(name, 0.0) + spread * float(chance)

    return score


def test_without_a_budget_all_get_the_same_seeds() -> None:
    laboratory = Laboratory(of({"arelu": 3.0}))
    course = campaign(laboratory, ["arelu", "pvlu"], budget=None).go([])
    assert [(name_of(trial), trial.seed) for trial in laboratory.order[:4]] == [
        (AS_IT_IS, 0),
        ("arelu", 0),
        ("pvlu", 0),
        (AS_IT_IS, 1),
    ]
    assert len(laboratory.order) == 15
    assert (course.stop, course.taken, course.dropped) == ("seeds", {}, [])
    assert course.comparisons["arelu"].verdict == "better"


def losing(lost: int, names: Sequence[str] = ("arelu",)) -> Score:
    """What `names` lose on their first seeds; where they finish, they and PVLU gain."""
    score = of({"arelu": 20.0, "pvlu": 10.0, "elu": 15.0})
    return lambda trial: math.nan if name_of(trial) in names and trial.seed % FRESH < lost else score(trial)


@pytest.mark.parametrize(
    ("lost", "seeds", "decision", "text"),
    [
        (1, 9, "use it", "8 pairs; but 1 of its 9 runs diverged where as it is did not"),
        (2, 8, "cannot tell yet", "but 2 of its 8 runs diverged where as it is did not, which leaves room for chance"),
        (5, 20, "do not", "arelu: 5 of its 20 runs diverged where as it is did not, which is more than chance; where"),
        (5, 5, "do not", "arelu: 5 of its 5 runs diverged where as it is did not, which is more than chance"),
        (3, 3, "cannot tell yet", "no variant has a run that finished where the baseline's did"),
    ],
)
def test_runs_that_a_winner_loses_count(lost: int, seeds: int, decision: str, text: str) -> None:
    course = campaign(Laboratory(losing(lost)), ["arelu"], budget=None, seeds=seeds).go([])
    verdict = judge(course, ACCURACY, AS_IT_IS, margin=0.5)
    assert (verdict.decision, verdict.best) == (decision, "arelu" if decision == "use it" else "")
    assert text in verdict.text


def test_what_loses_no_runs_is_taken_before_what_gains_more() -> None:
    laboratory = Laboratory(losing(2, ["arelu", "elu"]))
    course = campaign(laboratory, ["arelu", "pvlu", "elu"], budget=None, seeds=8).go([])
    assert {one.verdict for one in course.comparisons.values()} == {"better"}
    verdict = judge(course, ACCURACY, AS_IT_IS, margin=0.5)
    assert (verdict.decision, verdict.best, "diverged" in verdict.text) == ("use it", "pvlu", False)


def test_of_several_that_diverge_too_often_each_is_named() -> None:
    course = campaign(Laboratory(losing(6, ["arelu", "elu"])), ["arelu", "elu"], budget=None, seeds=8).go([])
    verdict = judge(course, ACCURACY, AS_IT_IS, margin=0.5)
    assert verdict.decision == "do not"
    told = "6 of its 8 runs diverged where as it is did not, which is more than chance"
    first = "none of 2 is better than as it is by more than 0.5 points without diverging more often"
    assert verdict.text == f"{first}; arelu: {told}; elu: {told}"


def test_what_diverges_in_the_screening_is_left_behind_what_does_not() -> None:
    """Else it would be confirmed for its mean, and then refused, and the others would never be."""
    one = campaign(Laboratory(losing(1)), ["arelu", "pvlu"], budget=Budget(runs=60))
    course = one.go([])
    (left,) = read_findings(one, course, COMMON).left
    assert (left.label, left.words) == (
        "arelu",
        "1 of its 2 runs diverged where the baseline did not, on validation data after 2 seeds",
    )
    assert judge(course, ACCURACY, AS_IT_IS, margin=0.5).best == "pvlu"
    course = campaign(Laboratory(losing(1, ["arelu", "elu"])), ["arelu", "elu"], budget=Budget(runs=60)).go([])
    assert [(one.label, one.lost) for one in course.dropped] == [("elu", 0)]


def test_seeds_go_on_while_runs_that_were_lost_leave_room_for_chance() -> None:
    course = campaign(Laboratory(losing(1)), ["arelu"], budget=Budget(runs=60)).go([])
    assert (course.taken, course.stop) == ({1: 5, 2: 8}, "decided")
    assert judge(course, ACCURACY, AS_IT_IS, margin=0.5).decision == "use it"


def test_scores_near_the_largest_number_are_compared() -> None:
    laboratory = Laboratory(lambda trial: 1e308 * (1 + 0.5 * (trial.seed % 2) + 0.1 * len(name_of(trial)) / 9))
    course = campaign(laboratory, ["arelu", "pvlu"], budget=Budget(runs=40)).go([])
    assert len(course.comparisons) == 1
    assert usual_margin([1e308, 1e308], Measure("loss", "", higher_is_better=False)) == pytest.approx(1e306)


def test_more_seeds_later_run_only_what_is_new() -> None:
    laboratory = Laboratory(of({}))
    campaign(laboratory, ["arelu"], budget=None, seeds=3).go([])
    before = len(laboratory.order)
    campaign(laboratory, ["arelu"], budget=None, seeds=5).go([])
    assert (before, len(laboratory.order)) == (6, 10)


GAINS = {"arelu": 3.0, "pvlu": -5.0, "elu": -6.0, "gelu": 0.5}


def test_the_better_half_goes_on_and_the_winner_is_confirmed_on_fresh_seeds() -> None:
    laboratory = Laboratory(of(GAINS, 0.5))
    course = campaign(laboratory, list(GAINS), budget=Budget(runs=200)).go([])
    assert [one.label for one in course.dropped] == ["pvlu", "elu", "gelu"]
    assert course.screened_on == "validation"
    assert {cell.row for cell, _ in course.outcomes} == {AS_IT_IS, "arelu"}
    fresh = {cell.trial.seed for cell, _ in course.outcomes}
    selected = {cell.trial.seed for cell, _ in course.screening}
    assert min(fresh) >= FRESH > max(selected)
    assert (course.stop, course.taken) == ("decided", {1: 5})
    verdict = judge(course, ACCURACY, AS_IT_IS, margin=0.5)
    assert (verdict.decision, verdict.best) == ("use it", "arelu")


def test_seeds_go_on_until_the_budget_is_spent() -> None:
    laboratory = Laboratory(of({"arelu": 0.4}, 3.0))
    course = campaign(laboratory, ["arelu"], budget=Budget(runs=40)).go([])
    assert (course.stop, course.taken) == ("budget", {1: 5, 2: 8, 3: 12, 4: 18})
    assert len(laboratory.order) == 36
    verdict = judge(course, ACCURACY, AS_IT_IS, margin=0.5)
    assert verdict.decision == "cannot tell yet"
    assert "more seeds would show a difference of" in verdict.text


def test_a_budget_that_the_most_seeds_leave_over_is_not_spent() -> None:
    laboratory = Laboratory(of({"arelu": 0.4}, 3.0))
    for _ in range(2):  # the second call finds everything there
        course = replace(campaign(laboratory, ["arelu"], budget=Budget(runs=1000)), most=12).go([])
        assert (course.stop, course.taken, len(laboratory.order)) == ("seeds", {1: 5, 2: 8, 3: 12}, 24)


def test_a_larger_budget_goes_on_where_a_smaller_one_stopped() -> None:
    laboratory = Laboratory(of({"arelu": 0.4}, 3.0))
    campaign(laboratory, ["arelu"], budget=Budget(runs=20)).go([])
    assert len(laboratory.order) == 16
    campaign(laboratory, ["arelu"], budget=Budget(runs=40)).go([])
    assert len(laboratory.order) == 36


def test_time_is_a_budget_shared_by_workers() -> None:
    laboratory = Laboratory(of({"arelu": 0.4}, 3.0))
    campaign(laboratory, ["arelu"], budget=Budget(seconds=20)).go([])
    assert len(laboratory.order) == 16


def test_a_budget_that_ends_in_the_screening_says_so() -> None:
    laboratory = Laboratory(of(GAINS))
    course = campaign(laboratory, list(GAINS), budget=Budget(seconds=11)).go([])
    assert course.outcomes == []
    with pytest.raises(ConfigError, match=r"a budget of 11 runs is too small: .* take 16 runs at least"):
        campaign(laboratory, list(GAINS), budget=Budget(runs=11)).go([])
    assert "before the best of the screening could be confirmed" in judge(course, ACCURACY, AS_IT_IS, margin=0.5).text


def test_what_may_be_as_good_is_not_left_behind_before_half_of_the_budget_is_spent() -> None:
    laboratory = Laboratory(of({"arelu": 0.3, "pvlu": 0.2, "elu": -9.0}))
    course = campaign(laboratory, ["arelu", "pvlu", "elu"], budget=Budget(runs=60)).go([])
    first, second = course.dropped
    assert (first.label, first.seeds, first.clearly) == ("elu", 2, True)
    assert (second.clearly, second.seeds) == (False, 8)
    assert len(course.screening) == 8 + 18


def test_a_round_that_the_time_cuts_short_counts_as_far_as_all_rows_ran() -> None:
    laboratory = Laboratory(of({"arelu": 0.3, "pvlu": 0.2}, 3.0))
    laboratory.seconds = 7
    course = campaign(laboratory, ["arelu", "pvlu"], budget=Budget(seconds=60)).go([])
    # Two seeds and four fit, of eight there are six; then three pairs of the five that were to be looked at first.
    assert [one.seeds for one in course.dropped] == [6]
    assert course.taken == {1: 3}


def test_a_budget_of_time_is_refused_where_it_is_known_to_be_too_small() -> None:
    one = replace(campaign(Laboratory(of({})), ["arelu"], budget=Budget(seconds=50)), paces={"arelu": 10.0})
    with pytest.raises(ConfigError, match="take 6 runs at least, which is about 60 s here"):
        one.check()
    replace(one, paces={"arelu": 5.0}).check()
    with pytest.raises(ConfigError, match="about 30 s here, and 25 s went into preparing them; give more"):
        replace(one, paces={"arelu": 5.0}, spent=lambda results: 25.0).check()
    with pytest.raises(ConfigError, match="the choice of learning rates, screening and confirmation take 18 runs"):
        replace(one, budget=Budget(runs=17)).check(12)


def test_a_small_rest_of_the_budget_is_a_look_at_fewer_seeds() -> None:
    laboratory = Laboratory(of(GAINS))
    course = campaign(laboratory, list(GAINS), budget=Budget(runs=18)).go([])
    assert course.taken == {1: 4}


def test_a_look_that_the_budget_cut_short_spends_its_share_once() -> None:
    laboratory, looked = Laboratory(of({"arelu": 0.4}, 3.0)), Looked()

    def call(runs: int) -> Course:
        return replace(campaign(laboratory, ["arelu"], budget=Budget(runs=runs)), looked=looked).go([])

    assert call(9).taken == {1: 4}
    again = call(9)
    assert (again.taken, again.looks) == ({1: 4}, 1)
    # The look at five, which would have been the first, is the second one, and later.
    grown = call(15)
    assert grown.taken == {1: 4, 2: 6}
    p = compare_sequentially(
        *(scores(grown)[name] for name in ("arelu", AS_IT_IS)),
        seeds=range(FRESH, FRESH + 6),
        taken={1: 4, 2: 6},
        margin=0.5,
    ).p
    assert grown.comparisons["arelu"].p == p
    # A smaller budget takes back no look.
    assert call(6).taken == {1: 4, 2: 6}


def scores(course: Course) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for cell, result in course.outcomes:
        found.setdefault(cell.row, {})[cell.trial.seed] = oriented(result)
    return found


def test_a_larger_budget_that_confirms_another_contender_has_looked_before() -> None:
    plain = of({}, 2.0)
    screened = {"pvlu": [4.0, 0.0], "arelu": [0.0, 2.0] + [6.0] * 20}

    def score(trial: OwnTrial) -> float:
        if trial.seed >= FRESH:
            return plain(trial)
        return 80 + dict(enumerate(screened.get(name_of(trial), []))).get(trial.seed, 0.0)

    laboratory = Laboratory(score)
    looked = Looked()

    def call(runs: int) -> Course:
        one = campaign(laboratory, ["arelu", "pvlu"], budget=Budget(runs=runs))
        return replace(one, looked=looked).go([])

    first, second = call(16), call(90)
    assert [list(one.comparisons) for one in (first, second)] == [["pvlu"], ["arelu"]]
    assert first.taken == {1: 5}
    assert min(second.taken) == 2
    # What the first call ran of the other contender counts.
    assert len(second.results) == len(laboratory.order) <= 90


def test_looks_are_kept_with_the_runs(tmp_path: Path) -> None:
    looked = Looked(tmp_path)
    assert looked.past("a") == []
    looks = [Look(("as it is", "arelu"), 4), Look(("as it is", "arelu"), 6)]
    assert [looked.note("a", look) for look in looks] == [1, 2]
    looked.note("b", looks[0])
    assert Looked(tmp_path).past("a") == looks
    (tmp_path / "looks.json").write_text("[]")
    with pytest.raises(StoreError, match=r"looks\.json is damaged, .*; restore it"):
        looked.past("a")


def test_what_the_baseline_left_without_a_pair_is_not_said_to_have_diverged() -> None:
    score = of({})
    laboratory = Laboratory(lambda trial: score(trial) if trial.swaps or trial.seed >= FRESH else math.nan)
    one = campaign(laboratory, ["arelu", "pvlu"], budget=Budget(runs=30))
    (left,) = read_findings(one, one.go([]), COMMON).left
    assert left.words == "no seed on which both it and the baseline finished on validation data after 4 seeds"


def test_calls_side_by_side_take_one_look(tmp_path: Path) -> None:
    """Both have run the same trials, and look at the same time."""
    laboratory = Laboratory(of({"arelu": 0.4}, 3.0))
    one = replace(campaign(laboratory, ["arelu"], budget=Budget(runs=10)), looked=Looked(tmp_path))

    class Late(Looked):
        """Is told of earlier looks before the other call takes its own."""

        def past(self, key: str) -> list[Look]:
            found = super().past(key)
            assert one.go([]).taken == {1: 5}
            return found

    course = replace(one, looked=Late(tmp_path)).go([])
    assert (course.taken, course.looks) == ({1: 5}, 1)
    assert len(Looked(tmp_path).past(one._key)) == 1


def test_looks_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    looks = [Look(("as it is", f"act{number}"), 5) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda look: Looked(tmp_path).note("a", look), looks))
    assert sorted(numbers) == list(range(1, 41))
    assert {*Looked(tmp_path).past("a")} == {*looks}


def test_looks_are_kept_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(lock: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(FileLock, "__enter__", refuse)
    assert Looked(tmp_path).note("a", Look(("as it is", "arelu"), 5)) == 1
    assert len(Looked(tmp_path).past("a")) == 1


def test_screening_without_validation_data_is_marked() -> None:
    laboratory = Laboratory(of(GAINS), validation=False)
    assert campaign(laboratory, list(GAINS), budget=Budget(runs=60)).go([]).screened_on == "test"


def test_less_of_a_loss_is_better() -> None:
    laboratory = Laboratory(of({"arelu": -3.0, "pvlu": 4.0}, 0.5), measure=Measure("RMSE", "kg", False))
    course = campaign(laboratory, ["arelu", "pvlu"], budget=None).go([])
    assert course.comparisons["arelu"].verdict == "better"
    assert course.comparisons["pvlu"].verdict == "worse"
    text = judge(course, Measure("RMSE", "kg", False), AS_IT_IS, margin=0.5).text
    assert text.startswith("arelu is better than as it is: −")
    assert " kg [−" in text


def test_diverged_runs_are_no_pairs() -> None:
    score = of({"arelu": 3.0}, 0.2)
    laboratory = Laboratory(lambda trial: math.nan if trial.seed == 2 and trial.swaps else score(trial))
    course = campaign(laboratory, ["arelu"], budget=None).go([])
    assert (course.comparisons["arelu"].n, course.comparisons["arelu"].dropped) == (4, 1)


def test_a_rate_for_each_variant_is_chosen_on_seeds_of_its_own() -> None:
    best = {AS_IT_IS: 0.01, "arelu": 0.03, "pvlu": 0.00333}
    laboratory = Laboratory(lambda trial: -abs(math.log(trial.lr / best[name_of(trial)])))
    rows = [Variant(AS_IT_IS), *map(parse_variant, ["arelu", "pvlu"])]
    tuned = tune(rows, 0.01, make, laboratory.execute, laboratory.read)
    assert {variant.label: variant.lr for variant in tuned.variants} == best
    assert tuned.at_the_edge == ("arelu", "pvlu")
    assert {trial.seed for trial in laboratory.order} == set(SEEDS)
    assert all(trial.tuning for trial in laboratory.order)


def test_no_rate_is_chosen_on_test_data() -> None:
    laboratory = Laboratory(of({}), validation=False)
    with pytest.raises(ConfigError, match="chosen on validation data, and there are none"):
        tune(
            [Variant(AS_IT_IS)],
            0.01,
            make,
            laboratory.execute,
            laboratory.read,
        )


def test_one_run_shows_that_no_rate_can_be_chosen() -> None:
    laboratory = Laboratory(of({}), validation=False)
    (first, *_), *_ = list_tried([Variant(AS_IT_IS)], 0.01, make).values()
    laboratory.execute([first], math.inf, "")
    with pytest.raises(ConfigError, match="chosen on validation data, and there are none"):
        tune([Variant(AS_IT_IS)], 0.01, make, laboratory.execute, laboratory.read)
    assert laboratory.order == [first]


@pytest.mark.parametrize("score", [math.nan, 80.0])
def test_where_all_rates_diverge_or_are_level_the_middle_one_stays(score: float) -> None:
    laboratory = Laboratory(lambda trial: score)
    tuned = tune([Variant(AS_IT_IS)], 0.01, make, laboratory.execute, laboratory.read)
    assert [variant.lr for variant in tuned.variants] == [0.01]
    assert tuned.at_the_edge == ()


@pytest.mark.parametrize("text", ["soon", "0m", "-3h", "3 weeks", True, math.inf])
def test_budgets_that_are_none(text: str | float) -> None:
    with pytest.raises(ConfigError, match="must be a time such as 30m"):
        read_budget(text)


class TestVerdicts:
    """What a comparison comes to, in words."""

    def course(self, gains: dict[str, float], spread: float = 0.3, seeds: int = 5) -> Course:
        return campaign(Laboratory(of(gains, spread)), list(gains), budget=None, seeds=seeds).go([])

    def test_none_is_better(self) -> None:
        verdict = judge(self.course({"arelu": -3.0, "pvlu": -4.0}), ACCURACY, AS_IT_IS, margin=0.5)
        assert (verdict.decision, verdict.best) == ("do not", "")
        assert verdict.text == "none of 2 is better than as it is by more than 0.5 points"

    def of_values(self, **rows: list[float]) -> Course:
        """A course whose rows differ from the baseline, seed by seed, by these values."""
        values = {AS_IT_IS: dict.fromkeys(range(5), 80.0)}
        values |= {name: {seed: 80 + gain for seed, gain in enumerate(gains)} for name, gains in rows.items()}
        return Course(comparisons=compare_family(values, AS_IT_IS, 0.5))

    def test_what_cannot_be_better_by_more_than_the_margin_is_not_worth_more_seeds(self) -> None:
        course = self.of_values(arelu=[-1.0, -0.2, -2.2, -0.6, 0.1])
        one = course.comparisons["arelu"]
        assert one.verdict == "inconclusive"
        assert one.high < 0.5
        verdict = judge(course, ACCURACY, AS_IT_IS, margin=0.5)
        assert verdict.decision == "do not"
        assert verdict.text.startswith("arelu is not better than as it is by more than 0.5 points: −0.78 points [")

    def test_an_interval_that_excludes_0_is_explained_for_one_row_too(self) -> None:
        course = self.of_values(arelu=[1.0] * 3 + [math.nan] * 2)
        assert "the interval excludes 0, but p is 0.25" in judge(course, ACCURACY, AS_IT_IS, margin=0.5).text

    def test_few_pairs_that_differ_by_the_same_decide_nothing(self) -> None:
        course = self.of_values(arelu=[0.0] * 4 + [math.nan])
        verdict = judge(course, ACCURACY, AS_IT_IS, margin=0.5)
        assert verdict.decision == "cannot tell yet"
        assert "4 pairs, all with the same difference: too few to judge; 5 are the least" in verdict.text
        assert judge(self.of_values(arelu=[0.0] * 5), ACCURACY, AS_IT_IS, margin=0.5).decision == "do not"

    def test_a_look_takes_more_pairs_that_differ_by_the_same(self) -> None:
        course = campaign(Laboratory(lambda trial: 80.0), ["arelu"], budget=Budget(runs=10)).go([])
        assert (course.taken, course.comparisons["arelu"].verdict) == ({1: 5}, "inconclusive")
        verdict = judge(course, ACCURACY, AS_IT_IS, margin=0.5)
        assert verdict.decision == "cannot tell yet"
        assert "5 pairs, all with the same difference: too few to judge; 7 are the least" in verdict.text
        course = campaign(Laboratory(lambda trial: 80.0), ["arelu"], budget=Budget(runs=16)).go([])
        assert (course.taken, course.comparisons["arelu"].verdict) == ({1: 5, 2: 8}, "equivalent")

    def test_the_same_is_no_gain(self) -> None:
        verdict = judge(self.course({"arelu": 0.05}, 0.05), ACCURACY, AS_IT_IS, margin=0.5)
        assert verdict.decision == "do not"
        assert "no different from as it is by more than 0.5 points" in verdict.text

    def test_holm_is_named_where_the_interval_alone_would_decide(self) -> None:
        course = self.of_values(arelu=[1.0, 0.4, 2.2, 0.8, 1.3], pvlu=[2, -2, 1, -1, 0.5], elu=[-2, 2, 1, -1, 0.5])
        one = course.comparisons["arelu"]
        assert one.low > 0
        assert one.verdict == "inconclusive"
        assert "the interval excludes 0, but 3 rows were compared" in judge(course, ACCURACY, AS_IT_IS, margin=0.5).text

    def test_a_control_that_gains_as_much_speaks_against_it(self) -> None:
        course = self.course({"arelu": 3.0, "pvlu": 3.5})
        verdict = judge(course, ACCURACY, AS_IT_IS, controls=["pvlu"], margin=0.5)
        assert verdict.decision == "do not"
        assert "but pvlu alone gives as much" in verdict.text

    def test_two_pairs_that_are_the_same_show_nothing(self) -> None:
        values = {AS_IT_IS: {0: 80.0, 1: 81.0}, "arelu": {0: 80.0, 1: 81.0}}
        course = Course(comparisons=compare_family(values, AS_IT_IS, 0.5))
        assert judge(course, ACCURACY, AS_IT_IS, margin=0.5).decision == "cannot tell yet"

    def test_too_few_pairs(self) -> None:
        verdict = judge(self.course({"arelu": 3.0}, seeds=2), ACCURACY, AS_IT_IS, margin=0.5)
        assert (verdict.decision, "2 pairs of finished runs, too few" in verdict.text) == ("cannot tell yet", True)

    def test_distrust_comes_first(self) -> None:
        verdict = judge(self.course({"arelu": 3.0}), ACCURACY, AS_IT_IS, distrust="no seeds", margin=0.5)
        assert (verdict.decision, verdict.text) == ("cannot tell yet", "no seeds")
