"""Who owns the catalogue's features: made-up people at example.com (RFC 2606 §3), and a user of each role."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from app.kernel.actor import Role

LIMIT = 100  # active features of one owner (R6)
PIECE = 50  # a group larger than this is parted; below, it stays with one owner

# (name, email): the first is the USER whom the guides sign in as.
OWNERS: tuple[tuple[str, str], ...] = (
    ("Uma Castellanos", "user@example.com"),
    *(
        (name, f"{name.lower().replace(' ', '.')}@example.com")
        for name in (
            "Ada Lindqvist", "Amir Haddad", "Bela Kovacs", "Bruno Ferreira", "Chiara Conti", "Daniel Okafor",
            "Elena Petrova", "Emeka Nwosu", "Farah Rahimi", "Felix Brandt", "Grace Mwangi", "Hana Suzuki",
            "Hugo Lambert", "Ines Carvalho", "Ivan Horvat", "Jana Novakova", "Joon Park", "Kavya Menon",
            "Lars Nygaard", "Leila Benali", "Mateo Vargas", "Mei Tanaka", "Nadia Rossi", "Oskar Wisniewski",
            "Priya Iyer", "Rafael Dumont", "Sofia Papadaki", "Tariq Aziz", "Wanjiru Kamau",
        )
    ),
)  # fmt: skip
OTHERS: tuple[tuple[str, str, Role], ...] = (
    ("Alma Reyes", "admin@example.com", "ADMIN"),
    ("Marek Dvorak", "manager@example.com", "MANAGER"),
    ("Vera Holm", "viewer@example.com", "VIEWER"),
)


def share_out(group_of: Mapping[str, str]) -> dict[str, int]:
    """Feature's key -> index in OWNERS. Largest group first, each whole to whoever has the fewest features; what is
    larger than PIECE is parted evenly before. Depends on nothing but the keys and their groups."""
    members = defaultdict[str, list[str]](list)
    for key in sorted(group_of):
        members[group_of[key]].append(key)
    pieces = [piece for _, keys in sorted(members.items()) for piece in _parted(keys)]
    owned = Counter[int]()
    owner_of: dict[str, int] = {}
    for piece in sorted(pieces, key=len, reverse=True):  # stable: groups of one size go by name
        owner = min(range(len(OWNERS)), key=lambda index: (owned[index], index))
        owned[owner] += len(piece)
        owner_of.update(dict.fromkeys(piece, owner))
    return owner_of


def _parted(keys: list[str]) -> list[list[str]]:
    parts = -(-len(keys) // PIECE)
    return [keys[len(keys) * part // parts : len(keys) * (part + 1) // parts] for part in range(parts)]
