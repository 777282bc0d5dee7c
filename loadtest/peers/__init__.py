"""What people would use otherwise, measured beside our servers at the settings that their makers recommend."""

from loadtest.subjects import Subject

SUBJECTS: tuple[Subject, ...] = ()
