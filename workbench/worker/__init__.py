"""The other process: a small server that runs jobs and survives its windows."""
