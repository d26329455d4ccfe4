"""`dateline keys`: who may use a server."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.help_texts import examples
from cli.options import AsJson, DataDir
from cli.startup import start
from cli.terminal import note, print_json, safe

if TYPE_CHECKING:
    from service.keys import ApiKey

keys_app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True, rich_markup_mode=None)


@keys_app.command(
    "create",
    epilog=examples(
        "dateline keys create --name newsroom",
        "dateline keys create --name loader --scope write --collection treaties",
    ),
)
def create_key(
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="Whose key it is.")],
    scope: Annotated[
        Literal["read", "write", "admin"],
        typer.Option(help="read: ask and search; write: also send and delete documents; admin: everything."),
    ] = "read",
    collection: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this collection; may be given again. All by default.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once.

    Only its digest is kept. A running server takes it at once.
    """
    settings = start(data_dir)
    from service.keys import KeyFile, Scope

    key, kept = KeyFile(settings.data_dir).create(name=name, scope=Scope(scope), collections=collection or None)
    if as_json:
        print_json({"key": key, **_body(kept)})
        return
    print(key)
    note(f"{_row(kept)}\nSend it as 'Authorization: Bearer …'. It is not shown again.")


@keys_app.command("list", epilog=examples("dateline keys list", "dateline keys list --json"))
def list_keys(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List keys, the oldest first, without the keys themselves."""
    settings = start(data_dir)
    from service.keys import KeyFile

    keys = KeyFile(settings.data_dir).keys
    if as_json:
        print_json({"keys": [_body(key) for key in keys]})
        return
    for key in keys:
        print(_row(key))
    note("1 key" if len(keys) == 1 else f"{len(keys)} keys")


@keys_app.command("revoke", epilog=examples("dateline keys revoke key_3f0c9a1be552"))
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As 'dateline keys list' shows it.")],
    *,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a key open nothing any more.

    A running server refuses it at once.
    """
    settings = start(data_dir)
    from service.keys import KeyFile

    kept = KeyFile(settings.data_dir).revoke(key_id)
    if as_json:
        print_json(_body(kept))
    else:
        print(f"{safe(kept.key_id)} revoked")


def _row(key: "ApiKey") -> str:
    opens = "all collections" if key.collections is None else ", ".join(key.collections)
    end = f"  revoked {key.revoked}" if key.revoked else ""
    return safe(f"{key.key_id}  {key.scope:<5}  {key.created}  {key.name} · {opens}{end}")


def _body(key: "ApiKey") -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "scope": key.scope,
        "collections": None if key.collections is None else list(key.collections),
        "created": key.created,
        "revoked": key.revoked,
    }
