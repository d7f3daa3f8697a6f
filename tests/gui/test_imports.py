from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os
import sys
from pathlib import Path
from workbench.app import application, make_window
from workbench.store.home import open_home
from workbench.gui.snapshot import NoRunner
from workbench.recipes import recipes

app = application()
home = open_home(Path(sys.argv[1]))
window = make_window(home, demo=False, make_runner=lambda: NoRunner(home))
for name in recipes():
    window.open_recipe(name)
window.show()
heavy_at_first = [name for name in ("numpy", "pyqtgraph") if name in sys.modules]
app.processEvents()
for page in ("home", "cases", "runs", "models", "settings"):
    window.open_page(page)
import workbench.gui.views, workbench.gui.runmodel, workbench.gui.claimwindow
import workbench.gui.labelling, workbench.gui.tryit
import workbench.runner.local, workbench.runner.claims, workbench.runner.sweeps, workbench.runner.drive
found = [name for name in sys.argv[2].split(",") if name in sys.modules]
print("heavy", found, "early", heavy_at_first)
sys.stdout.flush()
os._exit(0)
"""
BANNED = (
    "torch,transformers,monai,diffusers,open3d,peft,accelerate,sklearn,scipy,pandas,pyarrow,optuna,sqlalchemy,"
    "workbench.engine"
)


def test_that_the_window_with_all_recipes_never_imports_the_torch_family(tmp_path: Path) -> None:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    line = [sys.executable, "-c", SCRIPT, str(tmp_path), BANNED]
    done = subprocess.run(line, capture_output=True, text=True, env=environment, check=False, timeout=120)
    assert "heavy [] early []" in done.stdout, done.stdout + done.stderr
