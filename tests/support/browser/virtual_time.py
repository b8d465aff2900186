"""Time that has passed for one provider: what is stored about them is moved into the past."""

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from chalicelib.adapters import dynamodb_rows as rows
from chalicelib.adapters import json_codec as codec
from chalicelib.domain.deliveries import Delivery
from chalicelib.domain.documents import Document
from chalicelib.domain.expiring_records import Secret, SecretKind
from chalicelib.domain.providers import Provider
from tests.support.stack import Stack

T = TypeVar("T")
LINKS = (SecretKind.SETUP, SecretKind.RESET)
LOST = "ConditionalCheckFailedException"


class Rows:
    """The rows of the stack's tables, as values of the domain."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._dynamodb = stack.client("dynamodb")

    def documents_of(self, provider_id: str) -> list[Document]:
        found = self._all("documents", Document)
        return [each for each in found if each.provider_id == provider_id]

    def document(self, document_id: str) -> Document:
        return next(each for each in self._all("documents", Document) if each.id == document_id)

    def links_of(self, provider_id: str) -> list[Secret]:
        """Setup and reset links that have a row, whether or not they still work."""
        found = self._all("secrets", Secret)
        return [each for each in found if each.provider_id == provider_id and each.kind in LINKS]

    def delete_links_of(self, provider_id: str) -> int:
        """What DynamoDB does with rows whose TTL has passed; answers how many there were."""
        links = self.links_of(provider_id)
        for each in links:
            self._dynamodb.delete_item(TableName=self._table("secrets"), Key={"id": {"S": each.key}})
        return len(links)

    def end_links_of(self, provider_id: str, *, age: timedelta) -> None:
        """Let the links be of this age, while their rows stay where they are: TTL deletes late."""
        for each in self.links_of(provider_id):
            expires = each.expires_at - age
            kept = rows.secret_row(each).serialize()["ttl"]
            moved = rows.secret_row(replace(each, created_at=each.created_at - age, expires_at=expires))
            self._put("secrets", moved.serialize() | {"ttl": kept})

    def pass_time(self, provider_id: str, by: timedelta) -> None:
        """Move the provider, their documents, the messages to them and their links into the past."""
        for document in self.documents_of(provider_id):
            self._move("documents", Document, document.id, rows.document_row, by)
        for delivery in self._all("deliveries", Delivery):
            if delivery.provider_id == provider_id:
                self._move("deliveries", Delivery, delivery.id, rows.delivery_row, by)
        for link in self.links_of(provider_id):
            self._move("secrets", Secret, link.key, rows.secret_row, by)
        self._move("providers", Provider, provider_id, rows.provider_row, by)

    def _move(self, table: str, kind: type[T], key: str, as_row: Callable[[T], Any], by: timedelta) -> None:
        """Read, move, write; again when somebody else wrote meanwhile."""
        while True:
            value = codec.load(kind, self._get(table, key)["record"]["S"])
            try:
                self._put(table, as_row(earlier(value, by)).serialize())
            except ClientError as error:
                if error.response["Error"]["Code"] != LOST:
                    raise
            else:
                return

    def _put(self, table: str, item: dict[str, Any]) -> None:
        self._dynamodb.put_item(
            TableName=self._table(table),
            Item=item,
            ConditionExpression="version = :version",
            ExpressionAttributeValues={":version": item["version"]},
        )

    def _get(self, table: str, key: str) -> dict[str, Any]:
        answer = self._dynamodb.get_item(
            TableName=self._table(table), Key={"id": {"S": key}}, ConsistentRead=True
        )
        item: dict[str, Any] = answer["Item"]
        return item

    def _all(self, table: str, kind: type[T]) -> list[T]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table(table))
        return [codec.load(kind, item["record"]["S"]) for item in _items(pages)]

    def _table(self, name: str) -> str:
        return self._stack.table_name(name)


def _items(pages: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    return (item for page in pages for item in page["Items"])


def earlier(value: T, by: timedelta) -> T:
    """The value with every time in it, at any depth, moved into the past. Days stay as they are."""
    moved: Any = value
    if isinstance(value, datetime):
        moved = value - by
    elif isinstance(value, tuple):
        moved = tuple(earlier(each, by) for each in value)
    elif is_dataclass(value) and not isinstance(value, type):
        moved = replace(
            value, **{each.name: earlier(getattr(value, each.name), by) for each in fields(value)}
        )
    result: T = moved
    return result
