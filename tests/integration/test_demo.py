"""`make demo`: each command ends as the text around it says, and the comment is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


def test_the_demo_ends_as_its_story_says(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, DEMO], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Apply: refused" in ran.stdout
    assert "The key of users is user_id and email. It has 3 items: ada, alan, grace." in ran.stdout
    assert ran.stdout.count("\n") < 100
    comment = (tmp_path / "demo-comment.md").read_text(encoding="utf-8")
    assert "blocked by 1 destructive change" in comment
    assert "  sessions\n> ```" in comment
