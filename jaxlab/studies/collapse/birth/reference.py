"""The figures of the reference, ``shared/reference/collapse.md``, digit by digit as it prints them.

They are what claims expect, never what is measured. Those that have a law are computed from it
where they are judged, and these digits are compared with it. Keys are ``(width, hidden layers)``
unless stated otherwise.
"""

ONE_RAY = {
    (2, 1): "0.25",
    (2, 2): "0.4375",
    (2, 5): "0.762695",
    (2, 9): "0.924915",
    (2, 10): "0.943686",
    (2, 20): "0.996829",
    (3, 9): "0.699342",
    (5, 9): "0.248541",
    (10, 9): "0.008755",
}
"""D2: bias-free networks on [0, b]."""

ONE_RAY_SAMPLED = {(2, 9): ("0.9267", 0.0018)}
"""A Monte Carlo estimate of the same, with its error."""

STARTS = {
    (2, 10, 10): "0.560115",
    (2, 10, 100): "0.003039",
    (2, 20, 100): "0.727876",
    (2, 20, 1000): "0.041742",
    (3, 50, 100): "0.881537",
}
"""D3: all K starts dead, bias-free on [0, 1], by ``(width, hidden layers, K)``."""

MEDIAN_STARTS = {(2, 10): "12.0", (2, 20): "218.2", (2, 50): "1.22e6"}
"""D3: the K at which half of all attempts succeed."""

NEGATIVE = {
    (2, 10): "0.132149",
    (2, 50): "0.537759",
    (2, 100): "0.789672",
    (2, 300): "0.990984",
    (3, 1000): "0.2165",
    (3, 10_000): "0.9130",
}
"""D1: a layer after the first has negative weights and biases only."""

THREE_LAYERS = {1: "0.5", 2: "0.15625", 3: "0.04296875", 4: "0.01123046875"}
"""Three layers of weights, bias-free on [-a, b], by width."""

TWO_SIDED = {
    (2, 3): ("0.326172", "0.339911", "0.578125"),
    (2, 4): ("0.476685", "0.497595", "0.683594"),
    (2, 5): ("0.599663", "0.621231", "0.762695"),
    (2, 9): ("0.870256", "0.879621", "0.924915"),
    (2, 19): ("0.992671", "0.993278", "0.995772"),
    (3, 4): ("0.173306", "0.206118", "0.413818"),
    (3, 9): ("0.513389", "0.578533", "0.699342"),
    (3, 19): ("0.863523", "0.888693", "0.920904"),
    (4, 9): ("0.204164", "0.294520", "0.440575"),
    (5, 9): ("0.063985", "0.128262", "0.248541"),
    (5, 49): ("0.636104", "0.750555", "0.788955"),
    (10, 9): ("0.000076", "0.001285", "0.008755"),
    (10, 49): ("0.002194", "0.033417", "0.046747"),
}
"""Bias-free on [-a, b], normal weights: lower bound, Monte Carlo estimate, upper bound. The
reference counts ``L`` layers of weights, one more than hidden layers."""

TWO_SIDED_ERROR = 3e-4
"""Largest standard error of the estimates."""

UNIFORM = {(2, 9): "0.8799", (3, 9): "0.5790"}
"""The same with uniform weights; their error is taken to be that of the others."""

TEN_LAYERS = {(2, 9): "0.880", (2, 10): "0.910"}
"""Both readings of "10 layers of width 2"."""

BIASED = {
    "N(0, 1), [-1, 1]": ("0.066", "0.196", "0.344", "0.590", "0.857", "0.890", "0.993"),
    "PyTorch, [-1, 1]": ("0.064", "0.214", "0.380", "0.640", "0.884", "0.916", "0.996"),
    "N(0, 1), [0, 1]": ("0.139", "0.297", "0.449", "0.661", "0.892", "0.914", "0.996"),
}
"""Monte Carlo estimates with biases for width 2, by family, at :data:`BIASED_DEPTHS`."""

BIASED_DEPTHS = (1, 2, 3, 5, 9, 10, 20)
"""Hidden layers of :data:`BIASED`."""

SMALL_SAMPLE_ERROR = 0.003
"""Standard error of estimates from 20,000 networks: :data:`TEN_LAYERS` and :data:`BIASED`."""

BALL = {1: ".25", 2: ".146447", 5: ".037793", 10: ".005060"}
"""D5: a neuron inactive on the unit ball, by its dimension."""

SOME_INACTIVE = {1: ".375", 2: ".609375", 5: ".904633", 10: ".990905"}
"""D5: a first layer with an inactive neuron on [0, 1], by width."""

ONE_HIDDEN_LAYER = {"N(0, 1), [-1, 1]": ".0625", "PyTorch, [-1, 1]": ".0625"} | {
    "N(0, 1), [0, 1]": ".140625"
}
"""One hidden layer of width 2 with biases, by family."""
