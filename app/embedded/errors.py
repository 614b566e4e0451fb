"""What goes wrong with the embedded servers, as one line for the person at the terminal: never a traceback."""


class EmbeddedError(Exception):
    """One line that says what is wrong and what to do about it."""


class PortTakenError(EmbeddedError):
    """Another program listens on the port."""
