"""The command line: flags, help and checks from the same declarations as the window's forms.

Standard output carries the answer (with --json: JSON lines and nothing else), standard error the
talk around it. Exit status: 0 done, 1 the run failed, 2 bad arguments or input.
"""
