"""Each transform against torchvision's, given the parameters that it drew; and where the parameters come from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms import functional as F

from rectifiers.core.errors import ConfigError, ShapeError, UnknownNameError
from rectifiers.datasets.blur import radius
from rectifiers.datasets.dataset import Split
from rectifiers.datasets.examples import Examples
from rectifiers.datasets.slices import Slices
from rectifiers.datasets.texts import Texts
from rectifiers.experiments.trial import Trial
from rectifiers.training.augmentation import Augmentation, parse, registry
from rectifiers.training.augmentation.transform import Transform
from rectifiers.training.batches import Batches

IMAGES = torch.randint(256, (64, 3, 32, 40), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
HEIGHT, WIDTH = IMAGES.shape[2:]

SPECS = {
    "crop": "crop:4",
    "cutout": "cutout:16",
    "flip": "flip",
    "gaussian": "gaussian:1",
    "patch": "patch:24",
    "pca": "pca:0.1",
    "resized-crop": "resized-crop:28",
    "rotate": "rotate:15",
    "scale": "scale:0.2",
    "shift": "shift:0.1",
}


def test_every_transform_is_tested() -> None:
    assert {*SPECS, "delay"} == set(registry.names())


def crop(image: Tensor, top: int, left: int) -> Tensor:
    return F.crop(F.pad(image, [4, 4]), top, left, HEIGHT, WIDTH)


def shift(image: Tensor, down: int, right: int) -> Tensor:
    return F.crop(F.pad(image, [9, 9], padding_mode="edge"), 9 - down, 9 - right, HEIGHT, WIDTH)


def cutout(image: Tensor, top: int, left: int) -> Tensor:
    rows, columns = (max(0, first) for first in (top, left))
    return F.erase(image, rows, columns, top + 16 - rows, left + 16 - columns, torch.zeros(1, dtype=torch.uint8))


def gaussian(image: Tensor, sigma: float) -> Tensor:
    return F.gaussian_blur(image, [2 * radius(1.0) + 1] * 2, [sigma] * 2)


# One image with its own parameters.
TORCHVISION = {
    "crop": crop,
    "cutout": cutout,
    "flip": lambda image, mirrored: F.hflip(image) if mirrored else image,
    "gaussian": gaussian,
    "patch": lambda image, top, left: F.crop(image, top, left, 24, 24),
    "pca": lambda image, *shift: (image + torch.tensor(shift)[:, None, None]).round().clamp(0, 255).to(torch.uint8),
    "resized-crop": lambda image, *place: F.resized_crop(image, *place, size=[28, 28]),
    "rotate": lambda image, angle: F.rotate(image, angle),
    "scale": lambda image, scale: F.affine(image, 0.0, [0, 0], scale, [0.0, 0.0]),
    "shift": shift,
}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("channels_last", [False, True])
def test_as_torchvision(name: str, channels_last: bool) -> None:
    transform = parse(SPECS[name])
    drawn = transform.draw(tuple(IMAGES.shape), torch.Generator().manual_seed(1))
    assert len(drawn) == len(IMAGES)
    assert len(drawn.unique(dim=0)) > 1
    images = IMAGES.to(memory_format=torch.channels_last) if channels_last else IMAGES
    before = images.clone()
    ours = transform.apply(images, drawn)
    assert torch.equal(images, before)
    rows = drawn.view(len(drawn), -1).tolist()
    theirs = torch.stack([TORCHVISION[name](image, *row) for image, row in zip(IMAGES, rows, strict=True)])
    assert ours.dtype == torch.uint8
    assert ours.shape == theirs.shape
    if name == "gaussian":  # sums in another order may fall on the other side of a half
        assert (ours.int() - theirs.int()).abs().max() <= 1
        assert (ours != theirs).float().mean() < 1e-3
    elif name in ("rotate", "scale"):  # so may the place that a pixel comes from
        assert (ours != theirs).float().mean() < 1e-4
    else:
        assert torch.equal(ours, theirs)


def drawn(spec: str, shape: tuple[int, ...] = (20_000, 3, 32, 40)) -> Tensor:
    return parse(spec).draw(shape, torch.Generator().manual_seed(0))


def spread(values: Tensor) -> tuple[float, float, float]:
    return float(values.min()), float(values.max()), float(values.double().mean())


def test_colours_vary_along_imagenets_principal_components() -> None:
    """Their covariance is Σ (std·λ)²·pᵀp, so that its eigenvalues are the squares of 0.1·λ."""
    shifts = drawn("pca:0.1").double()
    assert shifts.mean(0).abs().max() < 0.1
    found = torch.linalg.eigvalsh(shifts.T.cov()).sqrt()
    torch.testing.assert_close(found, torch.tensor([0.1148, 0.4794, 5.546], dtype=torch.float64), rtol=0.02, atol=0)
    with pytest.raises(ShapeError, match="have 1 channels"):
        drawn("pca:0.1", (2, 1, 4, 4))


def test_crops_are_even_over_all_places() -> None:
    counts = drawn("crop:4").flatten().bincount(minlength=9)
    assert len(counts) == 9
    assert counts.min() > 0.9 * counts.max()


def test_patches_reach_all_places() -> None:
    places = drawn("patch:30")
    assert places[:, 0].unique().tolist() == [0, 1, 2]
    assert places[:, 1].unique().tolist() == list(range(11))


def test_half_is_flipped() -> None:
    assert drawn("flip").double().mean().item() == pytest.approx(0.5, abs=0.02)


def test_angles_and_widths_are_even() -> None:
    low, high, mean = spread(drawn("rotate:15"))
    assert (low, high, mean) == pytest.approx((-15, 15, 0), abs=0.3)
    low, high, mean = spread(drawn("scale:0.05"))
    assert (low, high, mean) == pytest.approx((0.95, 1.05, 1), abs=0.001)
    low, high, mean = spread(drawn("gaussian:2"))
    assert (low, high, mean) == pytest.approx((0.1, 2, 1.05), abs=0.03)


def test_shifts_are_a_share_of_each_side() -> None:
    offsets = drawn("shift:0.1")
    assert spread(offsets[:, 0]) == pytest.approx((-3, 3, 0), abs=0.1)
    assert spread(offsets[:, 1]) == pytest.approx((-4, 4, 0), abs=0.1)


def test_cutout_is_centred_on_any_pixel() -> None:
    corners = drawn("cutout:16")
    assert spread(corners[:, 0]) == pytest.approx((-8, 23, 7.5), abs=0.3)
    assert spread(corners[:, 1]) == pytest.approx((-8, 31, 11.5), abs=0.3)


def test_resized_crops_cover_areas_and_shapes_evenly() -> None:
    top, left, rows, columns = drawn("resized-crop:8", (20_000, 3, 256, 256)).double().unbind(1)
    area, aspect = rows * columns / 256**2, columns / rows
    assert spread(area) == pytest.approx((0.08, 1.0, 0.5), abs=0.05)
    assert spread(aspect.log()) == pytest.approx((math.log(3 / 4), math.log(4 / 3), 0.0), abs=0.02)
    assert (top >= 0).all()
    assert (top + rows <= 256).all()
    assert (left >= 0).all()
    assert (left + columns <= 256).all()


def test_resized_crop_of_a_strip_is_its_centre() -> None:
    strip = torch.zeros(3, 8, 400)
    # Hardly any part of such a strip has 8 % of its area and is 4:3 at most.
    places = drawn("resized-crop:8", (2_000, 3, 8, 400))
    assert (places == torch.tensor(RandomResizedCrop.get_params(strip, (0.08, 1.0), (3 / 4, 4 / 3)))).all()


FLIP_AND_CROP = ("crop:4", "flip")


def augmented(specs: tuple[str, ...], seed: int = 0, epoch: int = 0, size: int = 64) -> Tensor:
    augment = Augmentation(specs)
    draws = augment.draws(seed, epoch)
    return torch.cat([augment(batch, draws) for batch in IMAGES.split(size)])


@pytest.mark.parametrize("name", SPECS)
def test_seed_and_epoch_decide(name: str) -> None:
    spec = (SPECS[name],)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = augmented(spec)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(augmented(spec), one)
    assert not torch.equal(augmented(spec, epoch=1), one)
    assert not torch.equal(augmented(spec, seed=1), one)


@pytest.mark.parametrize("written", ["int", int])
def test_a_whole_number_of_a_users_own_transform_is_one(written: object) -> None:
    """However its file has annotations: as words, if it postpones them, or as types."""

    class Shave(Transform):
        __annotations__ = {"pixels": written}

        def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
            return torch.zeros(shape[0])

        def apply(self, images: Tensor, drawn: Tensor) -> Tensor:
            return images[:, :, : self.pixels]  # type: ignore[attr-defined]

    registry.register("shave")(dataclass(frozen=True)(Shave))
    try:
        assert augmented(("shave:4",)).shape[2] == 4
        with pytest.raises(ConfigError, match="needs a whole number, its pixels"):
            parse("shave:1.5")
    finally:
        registry.remove("shave")


def test_batches_of_an_epoch_differ() -> None:
    augment = Augmentation(("crop:4",))
    draws = augment.draws(0, 0)
    assert not torch.equal(augment(IMAGES, draws), augment(IMAGES, draws))


def test_a_transform_more_leaves_the_others_draws() -> None:
    flip = Augmentation(("flip",))
    both = Augmentation(("cutout:4", "flip"))
    alone = flip.transforms[0].draw(tuple(IMAGES.shape), flip.draws(3, 5)[flip.transforms[0]])
    beside = both.transforms[1].draw(tuple(IMAGES.shape), both.draws(3, 5)[both.transforms[1]])
    assert torch.equal(alone, beside)


def test_nothing_to_do_changes_nothing() -> None:
    assert torch.equal(augmented(()), IMAGES)
    assert str(Augmentation(FLIP_AND_CROP)) == "crop:4 flip"
    assert Augmentation(FLIP_AND_CROP) == Augmentation(FLIP_AND_CROP)
    assert {Augmentation(FLIP_AND_CROP): 1}[Augmentation(FLIP_AND_CROP)] == 1


@pytest.mark.parametrize(
    ("specs", "error", "message"),
    [
        (("flap",), UnknownNameError, "unknown augmentation 'flap'; did you mean flip"),
        (("crop",), ConfigError, "augmentation 'crop' needs a whole number, its margin, got 'crop'"),
        (("crop:x",), ConfigError, "augmentation 'crop' needs a whole number, its margin, got 'crop:x'"),
        (("crop:1.5",), ConfigError, "needs a whole number"),
        (("crop:0",), ConfigError, "augmentation 'crop' expects at least 1, got 0"),
        (("flip:1",), ConfigError, "augmentation 'flip' takes no number, got 'flip:1'; write 'flip'"),
        (("rotate:200",), ConfigError, "augmentation 'rotate' expects 0 to 180, got 200"),
        (("rotate:nan",), ConfigError, "augmentation 'rotate' needs a finite number"),
        (("shift:2",), ConfigError, "augmentation 'shift' expects 0 to 1, got 2"),
        (("gaussian:0",), ConfigError, "augmentation 'gaussian' expects at least 0.1, got 0"),
        (("gaussian:inf",), ConfigError, "augmentation 'gaussian' needs a finite number"),
        (("flip", "crop:4", "flip"), ConfigError, "augmentation 'flip' appears twice in flip crop:4 flip"),
    ],
)
def test_what_cannot_be_is_refused(specs: tuple[str, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Augmentation(specs)


def test_images_too_small() -> None:
    with pytest.raises(ShapeError, match="augmentation 'patch:33' needs images of that size, got 32×40"):
        augmented(("patch:33",))


SPLIT = Split(IMAGES[..., :32], torch.arange(64) % 2)


def test_batches_augment_training_alone() -> None:
    batches = Batches(SPLIT, 20, normalise=SPLIT.numbers("unit"), seed=4, augment=Augmentation(FLIP_AND_CROP))
    plain = Batches(SPLIT, 20, normalise=SPLIT.numbers("unit"), seed=4)
    for (images, labels), (expected, same) in zip(batches, plain, strict=True):
        assert torch.equal(images, expected)
        assert torch.equal(labels, same)
    for (images, labels), (expected, same) in zip(batches.epoch(1), plain.epoch(1), strict=True):
        assert images.dtype == torch.float32
        assert not torch.equal(images, expected)
        assert torch.equal(labels, same)
    again = torch.cat([images for images, _ in batches.epoch(1)])
    assert torch.equal(again, torch.cat([images for images, _ in batches.epoch(1)]))


def test_batches_refuse_another_size_than_is_evaluated() -> None:
    batches = Batches(SPLIT, 20, normalise=SPLIT.numbers("unit"), augment=Augmentation(("patch:24",)))
    with pytest.raises(ShapeError, match="augmentation patch:24 makes inputs of 3×24×24, but evaluation has 3×32×32"):
        next(batches.epoch(0))


@pytest.mark.parametrize(
    "split",
    [
        Texts.read([(0, "a"), (1, "b")], "test"),
        Slices(IMAGES, IMAGES[:, :1] // 255, torch.arange(64)),
    ],
)
def test_texts_and_masks_are_not_augmented_as_images(split: Examples) -> None:
    with pytest.raises(ConfigError, match=r"augmentation cutout:4 is for images with a label each, got (Texts|Slices)"):
        Batches(split, 20, normalise=split.numbers("unit"), augment=Augmentation(("cutout:4",)))


@pytest.mark.parametrize("spec", ["crop:4", "flip", "rotate:15", "scale:0.2", "shift:0.1"])
def test_masks_move_along_with_their_images(spec: str) -> None:
    """Here a mask is where red is bright, and stays so."""
    split = Slices(IMAGES, (IMAGES[:, :1] > 127).to(torch.uint8), torch.arange(64))
    batches = Batches(split, 20, normalise=split.numbers("unit"), seed=3, augment=Augmentation((spec,)))
    moved = list(batches.epoch(0))
    assert all(torch.equal(masks, (images[:, :1] > 0.5).to(torch.uint8)) for images, masks in moved)
    plain = Batches(split, 20, normalise=split.numbers("unit"), seed=3).epoch(0)
    assert not any(torch.equal(masks, still) for (_, masks), (_, still) in zip(moved, plain, strict=True))


def test_texts_begin_later() -> None:
    split = Texts.read([(0, "abc"), (1, "b")] * 50, "test", length=6)
    delay = Augmentation(("delay:2",))
    seen = delay(split.take(slice(0, 100)), delay.draws(seed=0, epoch=0))
    assert {tuple(row) for row in seen[::2].tolist()} == {(3, 2, 1, 0, 0, 0), (0, 3, 2, 1, 0, 0), (0, 0, 3, 2, 1, 0)}
    batches = Batches(split, 20, normalise=split.numbers("unit"), augment=delay)
    assert all(inputs.shape == (20, 70, 6) for inputs, _ in batches.epoch(0))


def test_images_do_not_begin_later() -> None:
    with pytest.raises(ConfigError, match="augmentation delay:2 is for texts with a label each, got "):
        Batches(SPLIT, 20, normalise=SPLIT.numbers("unit"), augment=Augmentation(("delay:2",)))


FIELDS = {"dataset": "digits", "network": "digits-conv", "activation": "relu", "lr": 0.1}


def test_a_trial_holds_it() -> None:
    trial = Trial.create(**FIELDS, augment=["crop:4", "flip"])
    assert trial.augment == FLIP_AND_CROP
    assert trial.id != Trial.create(**FIELDS).id
    assert Trial.model_validate_json(trial.model_dump_json()) == trial


@pytest.mark.parametrize(
    ("specs", "message"), [(["flap"], "augment: unknown augmentation 'flap'"), (["crop"], "augment: .* its margin")]
)
def test_a_trial_refuses_what_cannot_be(specs: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Trial.create(**FIELDS, augment=specs)
