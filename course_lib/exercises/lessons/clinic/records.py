"""What is written over the bed of each case: a title that gives nothing away, and the like of it that shipped."""

from typing import Any

from course_lib.exercises.engine.case import Report

GITHUB = "https://github.com"
COURSE_322 = (
    "https://end-to-end-machine-learning.teachable.com/courses/322-convolutional-neural-networks-in-two-dimensions"
)


def _issue(project: str, place: str, says: str) -> Report:
    return Report(project, f"{GITHUB}/{place}", says)


RECORDS: dict[int, tuple[str, tuple[Report, ...]]] = {
    1: (
        "Nine digits in ten, and a strange stamp",
        (
            _issue(
                "PyTorch #61100",
                "pytorch/pytorch/issues/61100",
                "the question behind it (July 2021). A reader of PyTorch's own `dx`, which works with columns, looked "
                "for something that is not there, and must not be.",
            ),
            _issue(
                "torch-mlir #4437",
                "llvm/torch-mlir/pull/4437",
                "the other way round: a compiler for PyTorch left the same step out of the `dx` of a convolution, "
                "where it belongs, as soon as the kernel had only one side longer than 1. Mended in January 2026.",
            ),
        ),
    ),
    2: (
        "The tutorial that everybody copied",
        (
            _issue(
                "deep-learning-coursera #34",
                "Kulbear/deep-learning-coursera/pull/34",
                "published solutions of a large course. A reader sent the missing word in January 2018, and was "
                "thanked in June.",
            ),
            _issue(
                "Deep-Learning-Coursera #7",
                "enggen/Deep-Learning-Coursera/issues/7",
                "the same in another set of solutions: *and it's affecting the output*. Reported in July 2019, and "
                "never closed.",
            ),
        ),
    ),
    3: (
        "The network that only learnt on odd images",
        (
            _issue(
                "BackPACK #30",
                "f-dangel/backpack/issues/30",
                "right for some combinations of size, stride, padding and kernel, and of the wrong shape for the "
                "others. A user found the rule by trying many (January 2020); mended within a day.",
            ),
        ),
    ),
    4: (
        "Nine went in, twenty-seven came out",
        (
            _issue(
                "Theano #5248",
                "Theano/Theano/issues/5248",
                "one answer on the processor, another with cuDNN (November 2016). Its finder names MNIST among the "
                "inputs where it matters. An older Caffe had it, too: "
                "see [#5404](https://github.com/Theano/Theano/issues/5404).",
            ),
        ),
    ),
    5: (
        "The pixel that won everything",
        (
            _issue(
                "tangermeme #95",
                "jmschrei/tangermeme/pull/95",
                "DeepLIFT through max pooling. `MaxPool2d(3, 1)` lost about 93 % of what it should hand back. Reported "
                "in September 2025, found a year later: those who reported it had looked for it in their models.",
            ),
        ),
    ),
    6: (
        "The larger the image, the lazier the bias",
        (
            _issue(
                "OneFlow #255",
                "Oneflow-Inc/oneflow/pull/255",
                "put in on purpose, as a fix (August 2017), so that one learning rate would do for images of any size. "
                "It is no gradient any more.",
            ),
        ),
    ),
    7: (
        "Right alone, wrong in company",
        (
            _issue(
                "NNTrainer #705",
                "nntrainer/nntrainer/issues/705",
                "a list of what to mend around the backward pass of its convolution (November 2020). Two of its four "
                "lines are of this kind, each seen only with several channels or filters. They stood in the script "
                "that records what the tests compare with.",
            ),
        ),
    ),
    8: (
        "The matrix of ones that stayed one",
        (
            _issue(
                "Autograd #39",
                "HIPS/autograd/issues/39",
                "found by its own gradient check: measured 2, computed 1 (August 2015). A year later someone brought "
                "the fast line back, for indices that do not repeat, and at first the tests said no "
                "([#136](https://github.com/HIPS/autograd/pull/136)).",
            ),
            _issue(
                "PyTensor #2242",
                "pymc-devs/pytensor/pull/2242",
                "the same in June 2026, on one of its backends: wrong gradients of embeddings, and no error.",
            ),
        ),
    ),
    9: (
        "Checked on a good day",
        (
            _issue(
                "Smile #528",
                "haifengl/smile/issues/528",
                "version 2.2.2 made a ReLU's gradient from one of the two things that it is made of (March 2020), so "
                "that its networks could not learn as they should. A user found the line; one character was missing.",
            ),
        ),
    ),
    10: (
        "A learning rate of sixteen",
        (
            _issue(
                "GraphSAGE #12",
                "williamleif/GraphSAGE/issues/12",
                "in the code of a paper. A reader saw it in November 2017. Its author mended it on the same day, and "
                "promised to correct the learning rates in the paper.",
            ),
        ),
    ),
    11: (
        "Every line is right",
        (
            _issue(
                "Apex #1587",
                "NVIDIA/apex/issues/1587",
                "fused softmax kernels of NVIDIA. [Reported](https://github.com/NVIDIA/apex/issues/1430) in July 2022, "
                "mended in part, reported again in February 2023.",
            ),
        ),
    ),
    12: (
        "The saving that cost the layers below",
        (
            _issue(
                "data-science-from-scratch #31",
                "joelgrus/data-science-from-scratch/issues/31",
                "the code of a well-known book. A reader asked in January 2017, and had even measured that it learnt "
                "better so.",
            ),
            _issue(
                "zero_to_gpt #12",
                "VikParuchuri/zero_to_gpt/issues/12",
                "the same in a course, reported in June 2025.",
            ),
        ),
    ),
    13: (
        "A shift that should not matter",
        (
            _issue(
                "CrypTen #143",
                "facebookresearch/CrypTen/pull/143",
                "mended in June 2020. It had passed its unit test, because the test was wrong as well: it did not pass "
                "the argument `training` as it should.",
            ),
        ),
    ),
    14: (
        "The more is dropped, the slower it learns",
        (
            _issue(
                "Kaldi #3890",
                "kaldi-asr/kaldi/issues/3890",
                "another dropout whose way back is not quite its way there: a dropped 0 still gets a gradient "
                "(January 2020). Known, judged harmless, and kept, because it saves memory.",
            ),
        ),
    ),
    15: (
        "Well on the processor, exploding on the card",
        (
            _issue(
                "MLX #3800",
                "ml-explore/mlx/pull/3800",
                "version 0.31.2 on Apple's graphics cards: `dx` wrong by 500 to 5600 %, and exact on the processor. "
                "Found in July 2026 by someone whose gradients exploded. Gradients of grouped convolutions were there "
                "since [October 2024](https://github.com/ml-explore/mlx/pull/1449).",
            ),
        ),
    ),
    16: (
        "Fine on the first day",
        (
            _issue(
                "ExecuTorch #21686",
                "pytorch/executorch/issues/21686",
                "PyTorch for telephones. A small network ended in NaN within 3 steps; a large one did not, and just "
                "never converged. The operator came in [March 2025](https://github.com/pytorch/executorch/pull/8940), "
                "the report in August 2026. PyTorch had the same loop, and one line more.",
            ),
        ),
    ),
    17: (
        "The sum is right, the places are not",
        (
            _issue(
                "OCANNL #512",
                "ahrefs/ocannl/issues/512",
                "AlexNet's kind of pooling trained on wrong gradients. All its tests had a stride as large as the "
                "window. Reported in July 2026, with 5, 3, 1, 2, 5 where this case has 4 at the end.",
            ),
        ),
    ),
    18: (
        "Only the first family is fed",
        (
            _issue(
                "PyTorch #51430",
                "pytorch/pytorch/issues/51430",
                "`torch.nn.grad.conv2d_weight` in version 1.7.1. Found in January 2021 by a user who compared it with "
                "autograd; labelled *high priority* and *correctness (silent)*.",
            ),
            _issue(
                "PyTorch #50042",
                "pytorch/pytorch/issues/50042",
                "also in January 2021: `dw` right with 23 groups and with 25, wrong with 24. Mended for 24, and in "
                "March still wrong with 48 and 96.",
            ),
        ),
    ),
    19: (
        "Good, and never very good",
        (
            _issue(
                "neural-fortran #142",
                "modern-fortran/neural-fortran/pull/142",
                "MNIST at 93 %, with no more than the last layer learning. Convolutions could be trained since "
                "[October 2022](https://github.com/modern-fortran/neural-fortran/pull/99); found in June 2023, because "
                "98 % is easy.",
            ),
        ),
    ),
    20: (
        "It ran, and appeared to perform well",
        (
            Report(
                "End-to-End Machine Learning, course 322",
                f"{COURSE_322}/lectures/24726662",
                "a published course on this very subject. Its teacher found it after publishing, and left the video "
                "as it is, with a postscript: the code *ran and appeared to perform well*, and was not as healthy as "
                "believed.",
            ),
        ),
    ),
    21: (
        "Nine clean bills of health",
        (
            _issue(
                "transformer-from-scratch #6",
                "jsbaan/transformer-from-scratch/pull/6",
                "the same line in a transformer, with gradients by autograd, which are exact. Its training test "
                "passed, most likely because the task was too easy. Reported in May 2025, mended in March 2026.",
            ),
        ),
    ),
    22: (
        "The worse its loss, the better its answers",
        (
            _issue(
                "Transformers #35556",
                "huggingface/transformers/issues/35556",
                "version 4.47.1 reported a loss that grew with the batch, and 4.44.0 did not (January 2025). "
                "[#35204](https://github.com/huggingface/transformers/issues/35204) says the same of 4.46.3.",
            ),
        ),
    ),
    23: (
        "Mended once, and no better",
        (
            _issue(
                "neural-fortran #145",
                "modern-fortran/neural-fortran/issues/145",
                "when the bug of case 19 was mended, accuracy fell from above 90 % to 10 %: the layers that learnt now "
                "had bugs of their own. Opened in June 2023, and still searched for by bisection in March 2024.",
            ),
        ),
    ),
    24: (
        "Each of them alone is fine",
        (
            _issue(
                "Captum #1104",
                "meta-pytorch/captum/issues/1104",
                "what a tool of PyTorch's remembers gets *messed up* by it, in its maintainer's words (January 2023). "
                "[It had learnt to refuse](https://github.com/meta-pytorch/captum/issues/578) the networks where it "
                "could see it.",
            ),
        ),
    ),
}


def of(number: int) -> dict[str, Any]:
    """The fields of a Case that stand here."""
    title, reports = RECORDS[number]
    return {"title": title, "reports": reports}
