"""Prompt files: read, checked, swapped all or nothing, rendered with the constant part first and the signal last."""

from leadd.prompting.book import PromptBook, packaged_folder
from leadd.prompting.prompts import PromptError, PromptInfo, PromptProblem, Reload, Rendered

__all__ = ["PromptBook", "PromptError", "PromptInfo", "PromptProblem", "Reload", "Rendered", "packaged_folder"]
