"""Rearranged weights give the same product."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from harness.sampling.linear import linear_map


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
@pytest.mark.parametrize("bias", [False, True])
def test_the_product_is_that_of_double_precision(rows: int, bias: bool) -> None:
    rng = np.random.default_rng(rows)
    weight, added = rng.normal(size=(48, 20)), rng.normal(size=48) * bias
    x = rng.normal(size=(rows, 20))
    apply = linear_map(
        torch.from_numpy(weight).float(),
        torch.from_numpy(added).float() if bias else None,
    )
    found = apply(torch.from_numpy(x).float())
    np.testing.assert_allclose(found.numpy(), x @ weight.T + added, atol=1e-4)


def test_leading_axes_are_kept() -> None:
    weight = torch.randn(6, 4)
    x = torch.randn(3, 5, 4)
    torch.testing.assert_close(linear_map(weight)(x), x @ weight.T)


def test_what_is_only_a_part_of_a_weight_or_of_an_input_is_taken_as_it_is() -> None:
    weight, x = torch.randn(12, 8), torch.randn(3, 16)
    found = linear_map(weight[4:8])(x[:, :8])
    torch.testing.assert_close(found, x[:, :8] @ weight[4:8].T)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_are_kept(dtype: torch.dtype) -> None:
    weight, x = torch.randn(6, 4, dtype=dtype), torch.randn(3, 4, dtype=dtype)
    found = linear_map(weight)(x)
    assert found.dtype == dtype
    torch.testing.assert_close(found, x @ weight.T, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("shape", [(48, 20), (512, 512)], ids=["small", "large"])
@pytest.mark.parametrize("rows", [2, 40])
def test_gelu_may_follow(shape: tuple[int, int], rows: int) -> None:
    weight, bias = torch.randn(shape), torch.randn(shape[0])
    x = torch.randn(rows, shape[1])
    exact = (x.double() @ weight.double().T + bias).numpy()
    expected = exact * norm.cdf(exact)
    found = linear_map(weight, bias, then_gelu=True)(x)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-4)
