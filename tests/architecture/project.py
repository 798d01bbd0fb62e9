"""The project's own files, as the architecture tests look at them."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "wayvo"
TESTS = ROOT / "tests"
UNTRACKED = frozenset({".git", ".venv", "wayvo-data", "__pycache__", "build", "dist"})


def modules(folder: Path) -> list[Path]:
    """Return every Python file below ``folder``."""
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def shown(path: Path) -> str:
    """Return ``path`` as a person names it."""
    return path.relative_to(ROOT).as_posix()


def committed() -> list[Path]:
    """Return the files that are in git or would be added; outside a checkout, all but what the tools make."""
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return sorted(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())
    return sorted(path for path in _walk(ROOT) if path.is_file())


def imports(tree: ast.AST) -> dict[str, str]:
    """Return what each imported name of a module stands for, such as ``{"now": "datetime.datetime.now"}``."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    names[alias.asname] = alias.name
                else:  # `import a.b` binds `a`
                    names[alias.name.split(".")[0]] = alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """Yield the module of every absolute import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """Return the full name of what an expression such as ``clock.now`` stands for, or the empty string."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value, names)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in UNTRACKED or path.name.endswith("_cache"):
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path
