"""Who may read the trail: whoever sees a feature, deleted or not, sees its history."""

from app.kernel.actor import Grants, Reach

READ = Grants("audit:read", {"VIEWER": Reach.ANY, "USER": Reach.OWN, "MANAGER": Reach.ANY, "ADMIN": Reach.ANY})
