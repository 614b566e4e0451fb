"""Who may read whom."""

from app.kernel.actor import Grants, Reach

READ = Grants("users:read", {"VIEWER": Reach.OWN, "USER": Reach.OWN, "MANAGER": Reach.ANY, "ADMIN": Reach.ANY})
