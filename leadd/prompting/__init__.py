"""Prompt files: read, checked, swapped all or nothing, rendered with the constant part first and the signal last."""

from leadd.prompting.book import CANDIDATE, PRODUCTION, PromptBook, packaged_folder
from leadd.prompting.editions import restore
from leadd.prompting.prompts import PromptError, PromptInfo, PromptProblem, Reload, Rendered
from leadd.prompting.templates import Template

__all__ = [
    "CANDIDATE", "PRODUCTION", "PromptBook", "PromptError", "PromptInfo", "PromptProblem", "Reload", "Rendered", "Template",
    "packaged_folder", "restore",
]  # fmt: skip
