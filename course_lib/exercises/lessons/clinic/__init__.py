"""The bug clinic: backward passes with one bug each, found by their symptoms and then fixed."""

from course_lib.exercises.lessons.clinic import (
    batches,
    convolutions,
    designing,
    diagnoses,
    network,
    pooling,
    shipped,
    whole_networks,
)

LESSON = "11_bug_clinic"

EXERCISES = (
    *convolutions.EXERCISES, *pooling.EXERCISES, *batches.EXERCISES, *network.EXERCISES, *shipped.EXERCISES,
    *whole_networks.EXERCISES,
    *designing.EXERCISES,
)  # fmt: skip

PREDICTIONS = diagnoses.PREDICTIONS
