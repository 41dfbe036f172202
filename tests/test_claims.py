"""Claims print their sentence and fail; predictions and figures refuse what would mislead."""

import matplotlib.pyplot as plt
import pytest

from nexus import claims, predict, style


def published(monkeypatch, module) -> list:
    """What the module would show."""
    shown: list = []
    monkeypatch.setattr(
        module, "publish_display_data", lambda data, metadata=None: shown.append((data, metadata))
    )
    return shown


def test_a_claim_prints_its_computed_sentence(monkeypatch) -> None:
    shown = published(monkeypatch, claims)
    claims.claim("It sent {n:,} queries", True, n=3586)
    ((data, _),) = shown
    assert data["text/plain"] == "Claim: It sent 3,586 queries"
    assert data[claims.MIME] == {"id": "claim-it-sent-queries", "sentence": "It sent 3,586 queries"}
    assert 'id="claim-it-sent-queries"' in data["text/html"]


@pytest.mark.parametrize("holds", [False, 0, None, []])
def test_a_false_claim_fails_with_its_values(monkeypatch, holds) -> None:
    shown = published(monkeypatch, claims)
    with pytest.raises(claims.ClaimDoesNotHold, match="It sent 7 queries"):
        claims.claim("It sent {n} queries", holds, n=7)
    assert shown == []


def test_a_claim_escapes_what_it_shows(monkeypatch) -> None:
    shown = published(monkeypatch, claims)
    claims.claim("{code} is text", True, code="<script>")
    assert "<script>" not in shown[0][0]["text/html"]


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        claims.claim("{a} and {b}", True, a=1)


def test_comparison_shows_both_sides() -> None:
    text = repr(predict.compare({"naive": 10, "fix": 1}, {"naive": 3586, "fix": 1, "more": 2}))
    assert "off by a factor of 359" in text
    assert "as predicted" in text
    assert "no prediction" in text


def test_a_misspelt_prediction_is_an_error() -> None:
    with pytest.raises(KeyError, match="nave"):
        predict.compare({"nave": 10}, {"naive": 3586})


def test_a_figure_needs_a_sentence() -> None:
    figure, _ = plt.subplots()
    with pytest.raises(ValueError, match="alt text"):
        style.show(figure, "a plot")


def test_a_figure_carries_its_alt_text(monkeypatch) -> None:
    shown = published(monkeypatch, style)
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    style.show(figure, "A line that rises from one to two")
    ((data, metadata),) = shown
    assert metadata["image/png"]["alt"] == "A line that rises from one to two"
    assert data["image/png"].startswith("iVBOR")
