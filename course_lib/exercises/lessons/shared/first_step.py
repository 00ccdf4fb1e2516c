"""From scores to a first step: what the labs of lesson 07 share."""

FOLLOWS = "This w is what comes of your {}. Repair that first: w may then be right."
UPHILL = "The step goes uphill. dw points to where the loss rises, so the step is *subtracted*."
STEP_ALONE = "That is the step alone. Return the weights after it."
NO_LR = "The learning rate is missing from the step."


def logits_cases(rng):
    cases = []
    for N, classes in ((3, 5), (4, 4), (2, 3), (1, 4)):
        targets = rng.integers(0, classes, N)
        cases.append({"logits": 2 * rng.standard_normal((N, classes)), "targets": targets})
    return cases
