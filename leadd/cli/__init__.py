"""The command line: one file per noun, thin, each imported only when its command is called."""
