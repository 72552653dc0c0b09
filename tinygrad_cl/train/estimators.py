"""Estimators for scikit-learn: a net behind `fit` and `predict`; needs the extra `sklearn`.

They go into pipelines, searches and cross-validation like scikit-learn's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_cl import nn
from tinygrad_cl.data import ZScore
from tinygrad_cl.dtypes import float64
from tinygrad_cl.errors import ArgumentError, DataError
from tinygrad_cl.functional.random import default_generator
from tinygrad_cl.nn import Module
from tinygrad_cl.runtime.device import get_device
from tinygrad_cl.train.model import Model
from tinygrad_cl.train.stopping import EarlyStopping

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise DataError(
        'the estimators need scikit-learn 1.6 or later: pip install "tinygrad-cl[sklearn]"'
    ) from error

__all__ = ["TinyClassifier", "TinyRegressor"]

ACTIVATIONS: dict[str, Callable[[], Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "identity": nn.Identity,
}


@contextmanager
def _seeded(chance: Any) -> Iterator[None]:
    """A block that draws from a seed of `chance`, not from the library's own numbers."""
    before = default_generator.get_state()
    default_generator.manual_seed(int(chance.randint(2**31 - 1)))
    try:
        yield
    finally:
        default_generator.set_state(before)


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share; scikit-learn wants every parameter written out in `__init__`."""

    loss = ""

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (64,),
        activation: str = "relu",
        dropout: float = 0.0,
        net: Callable[[int, int], Module] | None = None,
        optimizer: str = "adam",
        lr: float = 0.01,
        weight_decay: float = 0.0,
        epochs: int = 60,
        batch_size: int = 32,
        patience: int | None = None,
        validation_fraction: float = 0.1,
        normalize: bool = True,
        device: str | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.net = net
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.batch_size = batch_size
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.normalize = normalize
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # ----------------------------------------------------------------------------------- learning

    def _learn(self, x: np.ndarray, y: np.ndarray, outputs: int) -> None:
        """Trains a new net; the library's random numbers go on afterwards as if nothing were."""
        chance = check_random_state(self.random_state)
        with _seeded(chance):
            self._start(x, outputs)
            self._train(x, y, chance)

    def _go_on(self, x: np.ndarray, y: np.ndarray, outputs: int) -> None:
        """Trains for one epoch more, the first time with a new net."""
        if not hasattr(self, "_chance"):
            self._chance = check_random_state(self.random_state)
        with _seeded(self._chance):
            if not hasattr(self, "model_"):
                self._start(x, outputs)
                self.n_iter_ = 0
            self.model_.fit((x, y), 1, self.batch_size, verbose=self.verbose)
        self.history_ = self.model_.history
        self.n_iter_ += 1

    def _start(self, x: np.ndarray, outputs: int) -> None:
        wide = x.dtype == np.float64 and get_device(self.device).supports(float64)
        self._layout = (x.shape[1], outputs, "float64" if wide else "float32")
        self.model_ = self._made()

    def _train(self, x: np.ndarray, y: np.ndarray, chance: Any) -> None:
        data, validation, callbacks = (x, y), None, []
        if self.patience is not None:
            order = chance.permutation(len(x))
            held = max(1, int(self.validation_fraction * len(x)))
            if not 0 < self.validation_fraction < 1 or held >= len(x):
                raise ArgumentError(
                    f"{type(self).__name__}: validation_fraction {self.validation_fraction} leaves "
                    f"nothing of {len(x)} samples"
                )
            data = (x[order[held:]], y[order[held:]])
            validation = (x[order[:held]], y[order[:held]])
            callbacks = [EarlyStopping("val_loss", self.patience)]
        self.history_ = self.model_.fit(
            data,
            self.epochs,
            self.batch_size,
            validation_data=validation,
            callbacks=callbacks,
            verbose=self.verbose,
        )
        self.n_iter_ = self.history_.epochs

    def _forget(self) -> None:
        """Drops what `partial_fit` keeps from call to call."""
        self.__dict__.pop("_chance", None)

    def _made(self) -> Model:
        """Returns a compiled model with a new net."""
        features, outputs, precision = self._layout
        net = self._layers(features, outputs) if self.net is None else self.net(features, outputs)
        model = Model(net.to(get_device(self.device)), ZScore() if self.normalize else None)
        return model.compile(
            self.optimizer,
            self.loss,
            lr=self.lr,
            weight_decay=self.weight_decay or None,
            precision=precision,
        )

    def _layers(self, features: int, outputs: int) -> Module:
        make = ACTIVATIONS.get(self.activation)
        if make is None:
            raise ArgumentError(
                f"{type(self).__name__}: unknown activation {self.activation!r}; known: "
                f"{', '.join(ACTIVATIONS)}"
            )
        layers: list[Module] = []
        for size in self.hidden_layer_sizes:
            layers += [nn.Linear(features, size), make()]
            if self.dropout:
                layers.append(nn.Dropout(self.dropout))
            features = size
        return nn.Sequential(*layers, nn.Linear(features, outputs))

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        found: np.ndarray = self.model_.predict(x)
        return found

    # --------------------------------------------------------------------------------- pickling

    def __getstate__(self) -> dict[str, Any]:
        """Returns what pickle and joblib keep: parameters, and the net's weights as arrays."""
        state = dict(super().__getstate__())
        model = state.pop("model_", None)
        if model is not None:
            weights = {k: np.array(v.numpy()) for k, v in model.net.state_dict().items()}
            normalizer = model.normalizer and model.normalizer.state_dict()
            state = state | {"_saved": {"weights": weights, "normalizer": normalizer}}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Makes the net anew and gives it its weights back."""
        saved = state.get("_saved")
        super().__setstate__({key: value for key, value in state.items() if key != "_saved"})
        if saved is not None:
            before = default_generator.get_state()
            self.model_ = self._made()
            default_generator.set_state(before)
            self.model_.net.load_state_dict(saved["weights"])
            if self.model_.normalizer is not None:
                self.model_.normalizer.load_state_dict(saved["normalizer"])


class TinyClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A classifier for scikit-learn: a dense net, or any other, with cross-entropy.

    Args:
        hidden_layer_sizes: the sizes of the dense layers before the last.
        activation: "relu", "tanh", "sigmoid", "gelu", "silu", "elu" or "identity".
        dropout: rate behind each activation.
        net: makes another net instead, from the number of features and of classes.
        optimizer: a name, as for `Model.compile`.
        lr: the rate.
        weight_decay: of weights, not of biases.
        epochs: how many.
        batch_size: samples per training step.
        patience: epochs without improvement on held-out samples after which training ends, with the
            best weights; None trains on everything, for all epochs.
        validation_fraction: share of samples held out, with `patience`.
        normalize: whether features are brought to mean 0 and standard deviation 1.
        device: where the net lives; None for the default device.
        random_state: makes training reproducible: a seed, or a NumPy `RandomState`.
        verbose: whether to show bars.

    Attributes:
        classes_: the labels.
        model_: the trained `Model`.
        history_: its history.
        n_iter_: the epochs of training.
        n_features_in_: the number of features.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> x, y = load_iris(return_X_y=True)
        >>> classifier = TinyClassifier((16,), epochs=20, random_state=0, device="numpy")
        >>> bool(classifier.fit(x, y).score(x, y) > 0.9)
        True
    """

    loss = "cross_entropy"

    def fit(self, X: Any, y: Any) -> TinyClassifier:
        """Trains the net on samples (N, features) and labels (N); returns the estimator."""
        x, y = validate_data(self, X, y, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self._forget()
        self._learn(x, labels.astype(np.int64), len(self.classes_))
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> TinyClassifier:
        """Trains the net for one epoch more on these samples, for data that come in parts.

        Features are normalized as those of the first call were.

        Args:
            X: samples (N, features).
            y: labels (N).
            classes: all labels that will ever come; needed the first time.

        Raises:
            ArgumentError: for labels that are not among `classes`, or without `classes` the first
                time.
        """
        first = not hasattr(self, "model_")
        x, y = validate_data(self, X, y, dtype=[np.float64, np.float32], reset=first)
        check_classification_targets(y)
        if first and classes is None:
            raise ArgumentError("partial_fit: classes must be given the first time")
        if first:
            self.classes_ = np.unique(classes)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ArgumentError(f"partial_fit: labels that are not among classes: {unknown}")
        self._go_on(x, np.searchsorted(self.classes_, y).astype(np.int64), len(self.classes_))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Returns the probability of each class, (N, classes), in the order of `classes_`."""
        scores = self._outputs(X)
        powers: np.ndarray = np.exp(scores - scores.max(1, keepdims=True))
        chances: np.ndarray = powers / powers.sum(1, keepdims=True)
        return chances

    def predict(self, X: Any) -> np.ndarray:
        """Returns the label of each sample."""
        scores = self._outputs(X)
        labels: np.ndarray = self.classes_[scores.argmax(1)]
        return labels


class TinyRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A regressor for scikit-learn: a dense net, or any other, with the squared error.

    Targets are brought to mean 0 and standard deviation 1 for training.

    Args:
        hidden_layer_sizes: as for `TinyClassifier`, like all other parameters.
        activation: see there.
        dropout: see there.
        net: makes another net instead, from the number of features and of targets.
        optimizer: see there.
        lr: see there.
        weight_decay: see there.
        epochs: see there.
        batch_size: see there.
        patience: see there.
        validation_fraction: see there.
        normalize: see there.
        device: see there.
        random_state: see there.
        verbose: see there.

    Attributes:
        model_: the trained `Model`.
        history_: its history.
        n_iter_: the epochs of training.
        n_features_in_: the number of features.

    Example:
        >>> import numpy as np
        >>> x = np.linspace(-1, 1, 80).reshape(-1, 1)
        >>> regressor = TinyRegressor((16,), epochs=60, random_state=0, device="numpy")
        >>> bool(regressor.fit(x, 3 * x.ravel() ** 2).score(x, 3 * x.ravel() ** 2) > 0.9)
        True
    """

    loss = "mse"

    def fit(self, X: Any, y: Any) -> TinyRegressor:
        """Trains the net on samples (N, features) and targets (N) or (N, targets)."""
        x, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True
        )
        self._forget()
        targets = np.asarray(y, np.float64).reshape(len(y), -1)
        self._flat = y.ndim == 1
        self._scaler = ZScore().fit(targets)
        scaled = self._scaler.transform(targets).astype(x.dtype)
        self._learn(x, scaled, targets.shape[1])
        return self

    def partial_fit(self, X: Any, y: Any) -> TinyRegressor:
        """Trains the net for one epoch more on these samples, for data that come in parts.

        Features and targets are normalized as those of the first call were.
        """
        first = not hasattr(self, "model_")
        x, y = validate_data(
            *(self, X, y),
            dtype=[np.float64, np.float32],
            multi_output=True,
            y_numeric=True,
            reset=first,
        )
        targets = np.asarray(y, np.float64).reshape(len(y), -1)
        if first:
            self._flat, self._scaler = y.ndim == 1, ZScore().fit(targets)
        scaled = self._scaler.transform(targets).astype(x.dtype)
        self._go_on(x, scaled, targets.shape[1])
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Returns the values for each sample, (N) or (N, targets) as they were given to `fit`."""
        found = self._outputs(X)
        values: np.ndarray = self._scaler.undo(found.astype(np.float64)).astype(found.dtype)
        return values.reshape(-1) if self._flat else values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
