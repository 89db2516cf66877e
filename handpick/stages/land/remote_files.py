"""Lists and downloads remote files through fsspec (S3, Google Cloud, Azure, SFTP, FTP, ...)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from handpick.errors import InputError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

TIME_KEYS = ("LastModified", "last_modified", "mtime", "modify", "created")
"""Keys under which fsspec file systems report the time of a file's last change, in order of preference."""


@dataclass(frozen=True)
class RemoteFile:
    """A remote file.

    Args:
        name: Path relative to the folder's URL.
        path: Path in its file system.
        changed_on: UTC day of the last change, or None where the file system does not report it.
        size: Bytes, or None where the file system does not report them.
    """

    name: str
    path: str
    changed_on: date | None
    size: int | None = None


def is_remote_url(place: str) -> bool:
    """Return whether a path is a URL, such as `s3://shop/landing/events`."""
    return "://" in place


class RemoteFolder:
    """A remote folder, or a single remote file.

    Args:
        url: URL such as `s3://shop/landing/events`. Credentials and endpoints come from the environment only,
            as the client of the protocol reads them, or as `FSSPEC_<PROTOCOL>_<OPTION>`.
        setting: Name of the setting that holds the URL, for messages.

    Raises:
        InputError: If the URL holds a password, or its protocol is unknown or needs a package that is not
            installed.
    """

    def __init__(self, url: str, setting: str) -> None:
        self.url, self._setting = url, setting
        # Settings are shown in messages and kept with results; a password must not be among them. It is found
        # by its form, as Python's parser overlooks one with a `/`.
        scheme, _, rest = url.partition("://")
        if re.match(r"[^@?#]*:[^?#]*@", rest):
            raise InputError(
                f"{setting} holds a password; nothing was read. Take it out and give it as "
                f"FSSPEC_{scheme.upper()}_PASSWORD, or for S3 as FSSPEC_S3_KEY and FSSPEC_S3_SECRET."
            )
        # Imported here, as most shops have no remote files.
        from fsspec.core import url_to_fs

        self._files: AbstractFileSystem
        self._root: str
        # fsspec shares instances and listings within a process, where a second night would not see new files.
        with self._convert_errors():
            self._files, self._root = url_to_fs(url, skip_instance_cache=True, use_listings_cache=False)

    def list_files(self) -> list[RemoteFile]:
        """Return all files below the URL, by name; an empty list where the folder does not exist.

        Raises:
            InputError: If the server does not answer or refuses access.
        """
        with self._convert_errors():
            found: dict[str, dict[str, Any]] = self._retry(self._files.find, self._root, detail=True)
        root = self._root.rstrip("/")
        return [
            RemoteFile(
                path.removeprefix(root).lstrip("/") or path.rsplit("/", 1)[-1],
                path,
                _parse_change_day(entry),
                entry.get("size"),
            )
            for path, entry in sorted(found.items())
        ]

    def download(self, file: str, to: Path) -> None:
        """Download a file; it appears under its name only when it is complete.

        Args:
            file: Path of the remote file in its file system.
            to: The local file; its folder is created.

        Raises:
            InputError: If the download fails.
        """
        to.parent.mkdir(parents=True, exist_ok=True)
        partial = to.with_name(f".{to.name}.coming")
        with self._convert_errors():
            self._retry(self._files.get_file, file, str(partial))
        partial.replace(to)

    def _retry(self, call: Any, *arguments: Any, **options: Any) -> Any:
        """Call a function up to three times; repeat it only after transient errors."""
        tries = Retrying(
            retry=retry_if_exception(_is_transient),
            stop=stop_after_attempt(3),
            wait=wait_exponential(0.5, max=5),
            reraise=True,
        )
        return tries(call, *arguments, **options)

    @contextmanager
    def _convert_errors(self) -> Iterator[None]:
        """Turn any error of a file system into a one-line InputError without credentials."""
        try:
            yield
        except (ImportError, ValueError) as error:
            raise InputError(f"{self._setting} is {self.url}: {_get_first_line(error)}") from None
        except Exception as error:  # each protocol's client raises errors of its own
            raise InputError(
                f"{self._setting}: {self.url} cannot be read: {_get_first_line(error)}. Nothing was landed "
                "tonight, and the lists published before stay current; run the night again when it can."
            ) from None


def _is_transient(error: BaseException) -> bool:
    """Return whether a repeated call may succeed: not for missing files and missing rights."""
    lasting = (FileNotFoundError, PermissionError, NotADirectoryError)
    return isinstance(error, OSError | EOFError) and not isinstance(error, lasting)


def _get_first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    return (str(error) or type(error).__name__).strip().splitlines()[0].removesuffix(".")


def _parse_change_day(entry: dict[str, Any]) -> date | None:
    """Return the UTC day of a file's last change, or None; file systems report it in several forms."""
    changed = next((entry[name] for name in TIME_KEYS if entry.get(name)), None)
    if isinstance(changed, datetime):
        return (changed if changed.tzinfo else changed.replace(tzinfo=UTC)).astimezone(UTC).date()
    if isinstance(changed, int | float):
        return datetime.fromtimestamp(changed, UTC).date()
    if isinstance(changed, str) and changed[:8].isdigit():
        return datetime.strptime(changed[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    return None
