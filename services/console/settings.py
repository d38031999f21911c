"""What the console and the command can be told."""

from libs.settings import DatabaseSettings, Port, RedisSettings, ServiceSettings


class Settings(ServiceSettings, RedisSettings, DatabaseSettings):
    console_port: Port = 8080
    default_organization: str = "default"
    default_timezone: str = "UTC"  # as the transformer's
