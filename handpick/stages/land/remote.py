"""Files that lie on another machine: listed and brought through fsspec (S3, Google Cloud, Azure, SFTP, FTP, ...)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from handpick.errors import InputError

TIMES = ("LastModified", "last_modified", "mtime", "modify", "created")
"""Where file systems tell the time of a file's last change, the likeliest first."""


@dataclass(frozen=True)
class RemoteFile:
    """One file below a URL: its name relative to it, its path in its file system, and the day (UTC) it came, if told."""

    name: str
    path: str
    came_on: date | None


def is_remote(place: str) -> bool:
    """Whether a path is a URL of another machine, such as `s3://shop/landing/events`."""
    return "://" in place


class RemoteFolder:
    """A folder, or one file, behind a URL.

    Args:
        url: Such as `s3://shop/landing/events`. Credentials and endpoints come from the environment only: what the
            protocol's own client reads, or `FSSPEC_<PROTOCOL>_<OPTION>`.
        setting: The setting that holds the URL, for messages.

    Raises:
        InputError: If the URL holds a password, or its protocol is unknown or needs a package that is not installed.
    """

    def __init__(self, url: str, setting: str) -> None:
        self.url, self._setting = url, setting
        parts = urlsplit(url)
        if parts.password is not None:
            raise InputError(
                f"{setting} holds a password; take it out and give it as FSSPEC_{parts.scheme.upper()}_PASSWORD."
            )
        self._files: AbstractFileSystem
        self._root: str
        with self._telling():
            self._files, self._root = url_to_fs(url, skip_instance_cache=True, use_listings_cache=False)

    def files(self) -> list[RemoteFile]:
        """All files below the URL, by name; none where nothing is there.

        Raises:
            InputError: If the other machine does not answer or does not let us in.
        """
        with self._telling():
            found: dict[str, dict[str, Any]] = self._tried(self._files.find, self._root, detail=True)
        root = self._root.rstrip("/")
        return [
            RemoteFile(path.removeprefix(root).lstrip("/") or path.rsplit("/", 1)[-1], path, _day(entry))
            for path, entry in sorted(found.items())
        ]

    def bring(self, file: str, to: Path) -> None:
        """Copy a file here whole, or not at all.

        Raises:
            InputError: If it cannot be brought.
        """
        to.parent.mkdir(parents=True, exist_ok=True)
        coming = to.with_name(f".{to.name}.coming")
        with self._telling():
            self._tried(self._files.get_file, file, str(coming))
        coming.replace(to)

    def _tried(self, call: Any, *arguments: Any, **options: Any) -> Any:
        """Three tries: networks fail for a moment; what is missing or forbidden stays so."""
        tries = Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_attempt(3),
            wait=wait_exponential(0.5, max=5),
            reraise=True,
        )
        return tries(call, *arguments, **options)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn what a file system may raise into one line that names the setting, without what it was signed in with."""
        try:
            yield
        except (ImportError, ValueError) as error:
            raise InputError(f"{self._setting} is {self.url}: {_first_line(error)}") from None
        except Exception as error:  # every protocol's client raises its own
            raise InputError(
                f"{self._setting}: {self.url} cannot be read: {_first_line(error)}. Nothing was landed tonight, and the "
                "lists published before stay current; run the night again when it can."
            ) from None


def _may_pass(error: BaseException) -> bool:
    lasting = (FileNotFoundError, PermissionError, NotADirectoryError)
    return isinstance(error, OSError | EOFError) and not isinstance(error, lasting)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0].removesuffix(".")


def _day(entry: dict[str, Any]) -> date | None:
    """The day of a file's last change, however its file system writes that."""
    told = next((entry[name] for name in TIMES if entry.get(name)), None)
    if isinstance(told, datetime):
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC).date()
    if isinstance(told, int | float):
        return datetime.fromtimestamp(told, UTC).date()
    if isinstance(told, str) and told[:8].isdigit():
        return datetime.strptime(told[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    return None
