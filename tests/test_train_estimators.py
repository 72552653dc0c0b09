"""The estimators: scikit-learn's own checks, and what these do not look at."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import tinygrad_cl as tg
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.train.estimators import TinyClassifier, TinyRegressor

SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "epochs": 12, "lr": 0.1, "device": "numpy"}


@parametrize_with_checks([TinyClassifier(**SMALL), TinyRegressor(**SMALL)])
def test_the_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def iris() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_iris(return_X_y=True)
    return x, y


def test_labels_of_any_kind_and_pipelines(device: str) -> None:
    x, y = iris()
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    settings = SMALL | {"device": device, "epochs": 15}
    made = make_pipeline(StandardScaler(), TinyClassifier(**settings, random_state=0))
    made.fit(x, names)
    assert made.score(x, names) > 0.93
    assert set(made.predict(x)) == set(names)
    chances = made.predict_proba(x[:5])
    np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-6)
    assert (made.classes_[chances.argmax(1)] == made.predict(x[:5])).all()


def test_a_seed_decides_everything_and_disturbs_nothing() -> None:
    x, y = iris()
    tg.manual_seed(5)
    expected = tg.rand(3).tolist()
    tg.manual_seed(5)
    one, two = (TinyClassifier(**SMALL, random_state=3).fit(x, y) for _ in range(2))
    other = TinyClassifier(**SMALL, random_state=4).fit(x, y)
    assert tg.rand(3).tolist() == expected
    np.testing.assert_array_equal(one.predict_proba(x), two.predict_proba(x))
    assert not np.array_equal(one.predict_proba(x), other.predict_proba(x))


def test_pickled_estimators_predict_the_same(device: str) -> None:
    x, y = iris()
    made = TinyClassifier(**(SMALL | {"device": device, "epochs": 3}), random_state=0).fit(x, y)
    again = pickle.loads(pickle.dumps(made))
    np.testing.assert_array_equal(again.predict_proba(x), made.predict_proba(x))
    assert again.history_ == made.history_


def test_several_targets() -> None:
    x = np.random.default_rng(0).normal(size=(120, 3))
    y = np.stack([x[:, 0] * 2 + 100, x[:, 1] - x[:, 2]], 1)
    made = TinyRegressor(**SMALL, random_state=0).fit(x, y)
    assert made.predict(x).shape == (120, 2)
    assert made.score(x, y) > 0.95
    assert made.predict(x).dtype == np.float64
    assert made.fit(x.astype(np.float32), y).predict(x.astype(np.float32)).dtype == np.float32


def test_data_in_parts(device: str) -> None:
    x, y = iris()
    order = np.random.default_rng(0).permutation(len(x))
    settings = SMALL | {"device": device}
    made = TinyClassifier(**settings, random_state=0)
    for epoch in range(8):
        for part in np.split(order, 3):
            assert made.partial_fit(x[part], y[part], classes=[0, 1, 2]) is made
        if epoch == 0:
            start = made.score(x, y)
    assert made.n_iter_ == 24
    assert made.score(x, y) > max(0.93, start)
    again = TinyClassifier(**settings, random_state=0)
    for _ in range(8):
        for part in np.split(order, 3):
            again.partial_fit(x[part], y[part], classes=[0, 1, 2])
    np.testing.assert_array_equal(again.predict_proba(x), made.predict_proba(x))
    copy = pickle.loads(pickle.dumps(made))
    assert copy.partial_fit(x, y).score(x, y) > 0.9
    assert copy.n_iter_ == 25
    np.testing.assert_array_equal(
        made.fit(x, y).predict_proba(x),
        TinyClassifier(**settings, random_state=0).fit(x, y).predict_proba(x),
    )


def test_a_part_may_lack_classes_and_have_no_others() -> None:
    x, y = iris()
    made = TinyClassifier(**SMALL, random_state=0)
    with pytest.raises(ArgumentError, match="classes must be given the first time"):
        made.partial_fit(x, y)
    made.partial_fit(x[:50], y[:50], classes=[0, 1, 2])
    assert made.predict_proba(x[:2]).shape == (2, 3)
    with pytest.raises(ArgumentError, match=r"not among classes: \[7\]"):
        made.partial_fit(x[:2], [1, 7])
    with pytest.raises(ValueError, match="features"):
        made.partial_fit(x[:2, :3], y[:2])


def test_numbers_in_parts() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    y = 3 * x[:, 0] - x[:, 1] + 50
    made = TinyRegressor(**SMALL, random_state=0)
    for _ in range(10):
        for part in np.split(np.arange(200), 4):
            made.partial_fit(x[part], y[part])
    assert made.score(x, y) > 0.95
    assert made.predict(x).shape == (200,)


def test_patience_ends_training_early() -> None:
    x, y = iris()
    made = TinyClassifier(**(SMALL | {"epochs": 200}), patience=3, random_state=0).fit(x, y)
    assert made.n_iter_ < 100
    assert "val_loss" in made.history_
    with pytest.raises(ArgumentError, match="leaves nothing of 1 samples"):
        TinyRegressor(**SMALL, patience=1).fit([[1.0]], [1.0])


def test_a_net_of_ones_own_and_a_search() -> None:
    x, y = iris()

    def net(features: int, outputs: int) -> tg.nn.Module:
        return tg.nn.Sequential(tg.nn.Linear(features, 5), tg.nn.Tanh(), tg.nn.Linear(5, outputs))

    search = GridSearchCV(
        TinyClassifier(net=net, epochs=5, device="numpy", random_state=0),
        {"lr": [1e-6, 0.05]},
        cv=2,
    )
    search.fit(x, y)
    assert search.best_params_ == {"lr": 0.05}
    assert isinstance(search.best_estimator_.model_.net[1], tg.nn.Tanh)


def test_unknown_activations_are_named() -> None:
    with pytest.raises(ArgumentError, match="unknown activation 'rely'"):
        TinyClassifier(activation="rely", device="numpy").fit(*iris())


def test_the_estimators_are_found_from_the_room() -> None:
    assert tg.train.TinyClassifier is TinyClassifier
    assert tg.train.TinyRegressor is TinyRegressor
    with pytest.raises(AttributeError, match="no attribute 'TinyTransformer'"):
        _ = tg.train.TinyTransformer
