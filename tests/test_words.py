"""Fonts, words and the generator that writes them."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from sparsecnn.datasets import list_fonts, list_words, make_shaky_words
from sparsecnn.datasets._fonts import _FONTS, find_words


def test_fonts_are_many_and_licensed():
    fonts = list_fonts()
    assert len(fonts) >= 30
    for font in fonts:
        licence = (_FONTS / "licences" / f"{font}.txt").read_text(encoding="utf-8")
        assert "SIL OPEN FONT LICENSE" in licence.upper() or "Apache License" in licence
        assert "Copyright" in licence


def test_fonts_draw_every_shipped_word():
    paths = [str(_FONTS / f"{font}.woff") for font in list_fonts()]
    assert find_words(None, paths) == list_words()


def test_words_are_many_different_and_short():
    words = list_words()
    assert len(words) == len(set(words)) > 300
    assert {len(word) for word in words} == set(range(1, 9))


def test_split_lists_give_disjoint_images():
    fonts, words = list_fonts(), list_words()
    train = make_shaky_words(100, fonts=fonts[::2], words=words[::2], random_state=0)
    test = make_shaky_words(100, fonts=fonts[1::2], words=words[1::2], random_state=0)
    assert set(train.groups) <= set(fonts[::2])
    assert not set(train.groups) & set(test.groups)
    assert not set(train.words) & set(test.words)


def test_words_accept_a_font_file():
    path = _FONTS / "caveat.woff"
    own = make_shaky_words(5, fonts=[path], words=["hello"], random_state=0)
    shipped = make_shaky_words(5, fonts=["caveat"], words=["hello"], random_state=0)
    np.testing.assert_array_equal(own.data, shipped.data)
    assert set(own.groups) == {str(path)}


@pytest.mark.parametrize("word", ["i", "two words", "extraordinarily", "It's!", "Zoë"])
def test_words_of_any_length_fit_the_image(word):
    images = make_shaky_words(20, words=[word], random_state=0).images
    assert (images.max(axis=(1, 2)) > 60).all()
    frame = np.concatenate([images[:, 0], images[:, -1]], axis=1)
    assert frame.mean() < 60


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"fonts": ["caveet"]}, ValueError, "'caveet' is neither a shipped font nor a file.*'caveat'"),
        ({"fonts": ["Indie Flower"]}, ValueError, "Did you mean 'indie-flower'"),
        ({"fonts": []}, ValueError, "fonts must be a list .* empty"),
        ({"fonts": "caveat"}, TypeError, "fonts must be a list of names"),
        ({"fonts": [3]}, TypeError, "fonts must hold names .* got 3"),
        ({"words": []}, ValueError, "words must be a list of strings, got an empty list"),
        ({"words": "hello"}, TypeError, "words must be a list of strings, got 'hello'"),
        (
            {"words": ["ok", " "]},
            ValueError,
            "words must be strings of at least one visible character, got ' '",
        ),
        ({"words": ["ok", 1]}, ValueError, "words must be strings of at least one visible character, got 1"),
        ({"words": ["日本"]}, ValueError, "words: the font .* cannot draw .*'日'.*'本'.*, as in '日本'"),
        ({"tremor": "essential"}, ValueError, "tremor must be one or several of .* got 'essential'"),
        ({"tremor": ["noise", 3]}, ValueError, "tremor must be one or several of"),
    ],
)
def test_words_reject_bad_lists(options, error, message):
    with pytest.raises(error, match=message):
        make_shaky_words(2, **options)


def test_words_reject_a_file_that_is_no_font(tmp_path):
    path = tmp_path / "font.ttf"
    path.write_bytes(b"nothing of a font")
    with pytest.raises(ValueError, match=r"font\.ttf' cannot be read as a font"):
        make_shaky_words(2, fonts=[path])


@pytest.mark.parametrize("word", ["\u200b", "\x00", "ok\u200b"])
def test_words_reject_a_character_without_ink(word):
    with pytest.raises(ValueError, match="words: the font 'nunito' cannot draw") as error:
        make_shaky_words(2, words=["ok", word], fonts=["nunito"])
    assert f"as in {word!r}" in str(error.value)


@pytest.mark.parametrize("damage", [b"\x01", b"\x7f", b"\xff"])
def test_words_name_a_font_with_damaged_outlines(tmp_path, damage):
    path = tmp_path / "damaged.ttf"
    path.write_bytes(damage_outlines(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), damage))
    with pytest.raises(ValueError, match=r"fonts: .*damaged\.ttf' cannot be read as a font"):
        make_shaky_words(2, fonts=[path], words=["hello"])


def damage_outlines(font, byte):
    """Return the bytes of a TrueType font, with `byte` all over its table of outlines."""
    data = bytearray(font.read_bytes())
    entry = data.index(b"glyf")
    start, length = (int.from_bytes(data[entry + at : entry + at + 4], "big") for at in (8, 12))
    data[start : start + length] = byte * length
    return bytes(data)


def test_words_are_hard_for_raw_pixels():
    fonts, test_fonts = train_test_split(list_fonts(), test_size=10, random_state=0)
    words, test_words = train_test_split(list_words(), test_size=200, random_state=0)
    X, y = make_shaky_words(1000, fonts=fonts, words=words, random_state=0, return_X_y=True)
    X_test, y_test = make_shaky_words(
        400, fonts=test_fonts, words=test_words, random_state=1, return_X_y=True
    )
    forest = RandomForestClassifier(60, random_state=0).fit(X, y)
    assert forest.score(X_test, y_test) < 0.75
