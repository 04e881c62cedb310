"""Groups whose name alone lists: `leadd leads` is `leadd leads list`."""

from __future__ import annotations

import click


class Listing(click.Group):
    """A group that takes `list` for granted where no command is named; `leadd leads --all` works as well."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with `list` put in front where nothing but options was given."""
        if ctx.resilient_parsing:  # the shell completes: what is not yet written may still become a name
            return super().parse_args(ctx, args)
        names_none = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        return super().parse_args(ctx, ["list", *args] if names_none else args)
