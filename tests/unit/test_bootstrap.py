import pytest

from chalicelib import bootstrap
from tests.support.worlds.delivery_world import SERVICES, World, some_settings
from tests.support.worlds.fax_world import FaxWorld

ADAPTERS = {name for name, part in vars(bootstrap.Services).items() if isinstance(part, bootstrap._Part)} - SERVICES


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_created_once_from_the_attributes_that_its_parameters_name(name: str) -> None:
    world = FaxWorld()
    service = getattr(world, name)

    assert type(service).__name__ == bootstrap.Services.__annotations__[name]
    assert getattr(world, name) is service


def test_a_setting_and_a_replaced_adapter_reach_the_service() -> None:
    world = World()

    assert world.document_writer.portal_url == world.settings.portal_url
    assert world.document_writer.store is world.store
    assert world.settlement._writer is world.document_writer


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_an_adapter_is_created_once_from_settings_and_other_adapters(name: str) -> None:
    services = bootstrap.Services(some_settings())
    assert getattr(services, name) is getattr(services, name)


def test_every_sender_of_a_channel_is_created() -> None:
    assert all(sender() for sender in World().senders.values())
