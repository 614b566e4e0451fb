"""What every test may use: real servers, a database of its own, the application here or as a process."""

pytest_plugins = [
    "tests.fixtures.servers",
    "tests.fixtures.database",
    "tests.fixtures.world",
    "tests.fixtures.lifespan",
    "tests.fixtures.once",
    "tests.fixtures.server",
    "tests.fixtures.production",
    "tests.fixtures.embedded",
    "tests.fixtures.helm",
    "tests.fixtures.rotation",
    "tests.fixtures.sessions",
    "tests.fixtures.secrets",
    "tests.fixtures.sign_on",
]
