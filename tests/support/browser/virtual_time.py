"""The simulated passage of time for one provider on the deployed portal, whose clock tests cannot set.

Instead, the times in all stored rows about the provider are moved into the past."""

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
    """Reads and writes of the deployed portal's table rows, as values of the domain, such as documents."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._dynamodb = stack.client("dynamodb")

    def documents_of(self, provider_id: str) -> list[Document]:
        documents = self._all("documents", Document)
        return [document for document in documents if document.provider_id == provider_id]

    def document(self, document_id: str) -> Document:
        return next(document for document in self._all("documents", Document) if document.id == document_id)

    def links_of(self, provider_id: str) -> list[Secret]:
        """Return the rows of the provider's emailed setup and reset links, expired links included."""
        secrets = self._all("secrets", Secret)
        return [secret for secret in secrets if secret.provider_id == provider_id and secret.kind in LINKS]

    def delete_links_of(self, provider_id: str) -> int:
        """Delete the rows of the provider's emailed links, as DynamoDB does some time after their expiry.

        Return the number of deleted rows."""
        links = self.links_of(provider_id)
        for link in links:
            self._dynamodb.delete_item(TableName=self._table("secrets"), Key={"id": {"S": link.key}})
        return len(links)

    def end_links_of(self, provider_id: str, *, age: timedelta) -> None:
        """Make the provider's emailed links older by `age`, so that they may have expired.

        The rows stay in the table, because DynamoDB deletes expired rows late."""
        for link in self.links_of(provider_id):
            expires = link.expires_at - age
            ttl = rows.secret_row(link).serialize()["ttl"]
            moved = rows.secret_row(replace(link, created_at=link.created_at - age, expires_at=expires))
            self._put("secrets", moved.serialize() | {"ttl": ttl})

    def pass_time(self, provider_id: str, by: timedelta) -> None:
        """Make the provider's row, documents, messages and links older by `by`, as if this time had passed."""
        for document in self.documents_of(provider_id):
            self._move("documents", Document, document.id, rows.document_row, by)
        for delivery in self._all("deliveries", Delivery):
            if delivery.provider_id == provider_id:
                self._move("deliveries", Delivery, delivery.id, rows.delivery_row, by)
        for link in self.links_of(provider_id):
            self._move("secrets", Secret, link.key, rows.secret_row, by)
        self._move("providers", Provider, provider_id, rows.provider_row, by)

    def _move(self, table: str, kind: type[T], key: str, as_row: Callable[[T], Any], by: timedelta) -> None:
        """Move the times in one row into the past by `by`. If another writer changes the row meanwhile, try again."""
        while True:
            value = codec.load(kind, self._get(table, key)["record"]["S"])
            try:
                self._put(table, as_row(move_back(value, by)).serialize())
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
        response = self._dynamodb.get_item(TableName=self._table(table), Key={"id": {"S": key}}, ConsistentRead=True)
        item: dict[str, Any] = response["Item"]
        return item

    def _all(self, table: str, kind: type[T]) -> list[T]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table(table))
        return [codec.load(kind, item["record"]["S"]) for item in _items(pages)]

    def _table(self, name: str) -> str:
        return self._stack.table_name(name)


def _items(pages: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    return (item for page in pages for item in page["Items"])


def move_back(value: T, by: timedelta) -> T:
    """Return the value with every `datetime` in it, at any depth, moved into the past by `by`.

    A `date` stays the same."""
    moved: Any = value
    if isinstance(value, datetime):
        moved = value - by
    elif isinstance(value, tuple):
        moved = tuple(move_back(item, by) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        moved = replace(value, **{field.name: move_back(getattr(value, field.name), by) for field in fields(value)})
    result: T = moved
    return result
