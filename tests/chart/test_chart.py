"""The chart: what it makes, by Helm's engine and by the schemas of several Kubernetes, and what it refuses (R66)."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from app.commands.serving import DRAIN
from app.config.settings import Settings
from tests.fixtures.helm import CHART, SECRETS, Helm, Rendered, problems
from tests.fixtures.kubernetes import Cluster, Object, kubernetes
from tests.fixtures.promtool import check_expressions

pytestmark = pytest.mark.usefixtures("helm_engine")
VERSIONS = ["1.27", "1.31", "1.34", "1.37"]
QUICK: Mapping[str, Any] = {"migration": {"enabled": False}}  # where the Job is no matter: Helm waits a while for it
OURS = {"HOST", "PORT", "SHUTDOWN_DELAY"}  # the chart sets them itself
ALL: Mapping[str, Any] = {
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "annotations": {"a": "b"},
        "tls": [{"secretName": "tls", "hosts": ["feature-api.example.com"]}],
    },
    "autoscaling": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]},
    "imagePullSecrets": [{"name": "registry"}],
    "config": {"TRUSTED_PROXIES": "10.0.0.0/8", "MAX_COST": 20_000, "DATABASE_PREPARE": False},
    "podAnnotations": {"a": "b"},
    "podLabels": {"team": "features"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "extraVolumes": [{"name": "documents", "configMap": {"name": "documents"}}],
    "extraVolumeMounts": [{"name": "documents", "mountPath": "/documents", "readOnly": True}],
    "serviceAccount": {"annotations": {"a": "b"}},
    "service": {"annotations": {"a": "b"}},
}


@pytest.fixture(scope="module")
def engine(helm_engine: None) -> Iterator[tuple[Cluster, Helm]]:
    """Helm asks once what the cluster can do, and takes its time over it."""
    with kubernetes() as cluster:
        yield cluster, Helm(cluster)


@pytest.fixture
def cluster(engine: tuple[Cluster, Helm]) -> Cluster:
    """Empty, its Jobs succeed."""
    found, _ = engine
    found.objects.clear()
    found.writes.clear()
    found.jobs_fail = False
    return found


@pytest.fixture
def helm(engine: tuple[Cluster, Helm], cluster: Cluster) -> Helm:
    return engine[1]


def pods(rendered: Rendered) -> list[Object]:
    keys: Object = rendered.one("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return [*(rendered.one(kind)["spec"]["template"]["spec"] for kind in ("Deployment", "Job")), keys]


def plain_and_secret_settings() -> tuple[set[str], set[str]]:
    found = Settings.model_json_schema()["properties"]
    secret = {
        name.upper()
        for name, about in found.items()
        if any(one.get("format") == "password" for one in about.get("anyOf", []))
    }
    return {name.upper() for name in found} - secret - OURS, secret


def test_chart_has_no_lint(helm: Helm) -> None:
    assert [message for message in helm.lint() if message["Severity"] > 1] == []  # 1: it has no icon


@pytest.mark.parametrize("values", [{}, ALL], ids=["as it is", "with everything"])
def test_what_it_makes_is_valid_in_every_kubernetes(helm: Helm, values: Mapping[str, Any]) -> None:
    rendered = helm.render(values)
    assert len(rendered.objects) >= 6 and len(rendered.hooks) == 3
    found = {version: problems(version, (*rendered.objects, *rendered.hooks)) for version in VERSIONS}
    assert found == {version: [] for version in VERSIONS}


def test_pods_have_no_privilege_and_an_image_that_stands_still(helm: Helm) -> None:
    for pod in pods(helm.render({})):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container.get("volumeMounts", []) in ([], [{"name": "tmp", "mountPath": "/tmp"}])
        assert set(container["resources"]) == {"requests", "limits"}
        assert container["image"] == "registry.example.com/feature-api:0.1.0"


def test_digest_goes_before_the_tag(helm: Helm) -> None:
    digest = f"sha256:{'0' * 64}"
    for pod in pods(helm.render({"image": {"digest": digest, "tag": "1.2"}})):
        assert pod["containers"][0]["image"] == f"registry.example.com/feature-api@{digest}"


def test_pod_is_asked_for_its_health_and_given_time_to_end(helm: Helm) -> None:
    pod = helm.render({**QUICK, "shutdownDelay": 7, "workers": 3}).one("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: (probe["path"], probe["port"]) for name, probe in probes.items()} == {
        "startup": ("/health/startup", "http"),
        "liveness": ("/health/live", "http"),
        "readiness": ("/health/ready", "http"),
    }
    assert {"name": "SHUTDOWN_DELAY", "value": "7"} in container["env"]
    assert pod["terminationGracePeriodSeconds"] > 7 + DRAIN
    assert container["args"] == ["serve", "--workers", "3"]
    assert {one["topologyKey"] for one in pod["topologySpreadConstraints"]} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }


def test_secrets_go_to_those_who_need_them(helm: Helm) -> None:
    api, migration, keys = (pod["containers"][0]["envFrom"] for pod in pods(helm.render({})))
    assert [list(one) for one in api] == [["configMapRef"], ["secretRef"]]
    assert api[1] == {"secretRef": {"name": "the-apps"}}
    assert migration == [{"secretRef": {"name": "the-owners"}}]
    assert keys == [*api, *migration]


def test_secrets_of_a_trial_are_made_and_told_of(helm: Helm) -> None:
    urls = {"DATABASE_URL": "postgresql://app@db/f", "REDIS_URL": "redis://cache", "JWT_KEYS": "{}"}
    owner = {"DATABASE_OWNER_URL": "postgresql://owner@db/f"}
    rendered = helm.install(
        {"secrets": {"existingSecret": "", "values": urls}, "migration": {"existingSecret": "", "values": owner}}
    )
    made = {
        one["metadata"]["name"]: one["stringData"]
        for one in (*rendered.objects, *rendered.hooks)
        if one["kind"] == "Secret"
    }
    assert made == {"rel-feature-api": urls, "rel-feature-api-migrate": owner}
    assert "whoever may read releases may read them" in rendered.notes


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"ingress": {"enabled": True}}, "+Ingress"),
        ({"autoscaling": {"enabled": True}}, "+HorizontalPodAutoscaler"),
        ({"serviceMonitor": {"enabled": True}}, "+ServiceMonitor"),
        ({"prometheusRule": {"enabled": True}}, "+PrometheusRule"),
        ({"podDisruptionBudget": {"enabled": False}}, "-PodDisruptionBudget"),
        ({"networkPolicy": {"enabled": False}}, "-NetworkPolicy"),
        ({"serviceAccount": {"create": False}}, "-ServiceAccount"),
        ({"keyRotation": {"enabled": False}}, "-CronJob"),
    ],
    ids=lambda found: found if isinstance(found, str) else "",
)
def test_every_switch_does_what_it_says_and_no_more(helm: Helm, values: Mapping[str, Any], kind: str) -> None:
    usual = helm.render(QUICK).objects
    switched = helm.render({**QUICK, **values}).objects
    before, after = ({one["kind"] for one in found} for found in (usual, switched))
    assert after == (before | {kind[1:]} if kind[0] == "+" else before - {kind[1:]})


def test_switches_within_objects(helm: Helm) -> None:
    rendered = helm.render({**QUICK, "autoscaling": {"enabled": True}, "topologySpread": {"enabled": False}})
    assert "replicas" not in rendered.one("Deployment")["spec"]
    assert "topologySpreadConstraints" not in rendered.one("Deployment")["spec"]["template"]["spec"]
    assert (
        rendered.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"]
        == rendered.one("Deployment")["metadata"]["name"]
    )
    assert "TRUSTED_PROXIES is not set" in rendered.notes


def test_public_paths_are_not_those_of_operators(helm: Helm) -> None:
    (rule,) = helm.render(ALL).one("Ingress")["spec"]["rules"]
    assert [one["path"] for one in rule["http"]["paths"]] == ["/graphql", "/auth", "/api", "/.well-known"]


def test_settings_reach_the_pod_as_they_are(helm: Helm) -> None:
    config = {"MAX_COST": 20_000_000, "DATABASE_PREPARE": False, "DATABASE_ROLE": "", "RATE_LIMIT_TIMEOUT": "0.5"}
    first = helm.install({"config": config})
    assert first.one("ConfigMap")["data"] == {
        "MAX_COST": "20000000",
        "DATABASE_PREPARE": "false",
        "DATABASE_ROLE": "",
        "RATE_LIMIT_TIMEOUT": "0.5",
        "LOG_FORMAT": "json",
        "DATABASE_POOL_SIZE": "16",
    }
    second = helm.upgrade({"config": {**config, "MAX_COST": 5_000}})
    sums = [one.one("Deployment")["spec"]["template"]["metadata"]["annotations"] for one in (first, second)]
    assert sums[0]["checksum/config"] != sums[1]["checksum/config"]  # a change rolls the pods


def test_alerts_are_those_of_prometheus_for_this_release_alone(helm: Helm) -> None:
    values = {"prometheusRule": {"enabled": True, "errorRatio": 0.07, "latencySeconds": 2}}
    rendered = helm.render({**QUICK, **values}).one("PrometheusRule")
    (ours,) = rendered["spec"]["groups"]
    (given,) = yaml.safe_load((CHART.parents[1] / "ops/prometheus/feature-api.rules.yml").read_text())["groups"]
    assert [rule.get("alert") for rule in ours["rules"]] == [rule.get("alert") for rule in given["rules"]]
    name = rendered["metadata"]["name"]
    expressions = {rule.get("alert", rule.get("record")): rule["expr"] for rule in ours["rules"]}
    assert all(f'namespace="default",service="{name}"' in text for text in expressions.values())
    assert not any("job=" in text for text in expressions.values())
    assert expressions["FeatureApiErrors"].endswith("> 0.07")
    assert expressions["FeatureApiOperationErrors"].endswith("> 0.07")
    assert expressions["FeatureApiLatency"].endswith("> 2")
    check_expressions(expressions.values())
    assert ours["rules"][1]["annotations"] == given["rules"][1]["annotations"]


def test_migration_that_fails_stops_the_roll_out(helm: Helm, cluster: Cluster) -> None:
    helm.install({})
    kinds = [kind for verb, kind, _ in cluster.writes if verb == "create"]
    assert kinds.index("Job") < kinds.index("Deployment")
    assert ("delete", "Job", "rel-feature-api-migrate") in cluster.writes
    before, cluster.jobs_fail = len(cluster.writes), True
    with pytest.raises(Exception, match="pre-upgrade hooks failed"):
        helm.upgrade({"replicas": 5})
    assert {name for _, _, name in cluster.writes[before:]} == {"rel-feature-api-migrate"}
    (deployment,) = [one for one in cluster.objects.values() if one["kind"] == "Deployment"]
    assert deployment["spec"]["replicas"] == 2
    assert [one["kind"] for one in cluster.objects.values() if one["kind"] == "Job"] == ["Job"]  # its log can be read


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"image": {"tag": "latest"}}, "/image/tag"),
        ({"image": {"repository": "here/it:1"}}, "/image/repository"),
        ({"image": {"digest": "sha256:1"}}, "/image/digest"),
        ({"replicas": 0}, "/replicas"),
        ({"replicas": "2"}, "/replicas"),
        ({"replicaCount": 2}, "replicaCount"),
        ({"config": {"MAX_COSTS": 1}}, "propertyName 'MAX_COSTS'"),
        ({"config": {"DATABASE_URL": "postgresql://x"}}, "propertyName 'DATABASE_URL'"),
        ({"config": {"PORT": 1}}, "propertyName 'PORT'"),
        ({"config": {"MAX_COST": None, "MAX_DEPTH": [1]}}, "/config/MAX_DEPTH"),
        ({"secrets": {"values": {"PASSWORD": "x"}}}, "propertyName 'PASSWORD'"),
        ({"secrets": {"values": {"DATABASE_OWNER_URL": "x"}}}, "propertyName 'DATABASE_OWNER_URL'"),
        ({"migration": {"values": {"DATABASE_URL": "x"}}}, "/migration/values"),
        ({"ingress": {"hosts": []}}, "/ingress/hosts"),
        ({"service": {"type": "ExternalName"}}, "/service/type"),
        ({"podDisruptionBudget": {"maxUnavailable": 0}}, "/podDisruptionBudget/maxUnavailable"),
        ({"networkPolicy": {"egressPorts": [0]}}, "/networkPolicy/egressPorts/0"),
        ({"workers": 0}, "/workers"),
        ({"shutdownDelay": 0}, "/shutdownDelay"),
        ({"secrets": {"existingSecret": ""}}, "Set secrets.existingSecret"),
        ({"migration": {"existingSecret": ""}}, "Set migration.existingSecret"),
    ],
    ids=str,
)
def test_bad_value_is_refused_by_name_and_nothing_is_made(
    helm: Helm, cluster: Cluster, values: Mapping[str, Any], told: str
) -> None:
    line = helm.refusal(values)
    assert told in line
    assert cluster.writes == []


def test_schema_knows_the_settings_of_the_server_and_which_are_secret() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]
    plain, secret = plain_and_secret_settings()
    assert schema["config"]["propertyNames"]["enum"] == sorted(plain), f"it must be {json.dumps(sorted(plain))}"
    assert schema["secrets"]["properties"]["values"]["propertyNames"]["enum"] == sorted(secret - {"DATABASE_OWNER_URL"})
    assert set(schema["migration"]["properties"]["values"]["properties"]) == {"DATABASE_OWNER_URL"} <= secret


def test_settings_that_templates_set_are_settings_of_the_server(helm: Helm) -> None:
    (container,) = pods(helm.render({}))[0]["containers"]
    assert {one["name"] for one in container["env"]} == OURS
    assert {name.lower() for name in OURS} <= set(Settings.model_fields)


def test_readme_lists_every_value_as_it_is() -> None:
    text = (CHART / "README.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]*)` \| (.+) \|$", text, re.MULTILINE)
    assert {name: json.loads(default) for name, default, _ in rows} == dict(flat(values_of_chart()))
    assert len(rows) == len(list(flat(values_of_chart())))


def values_of_chart() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    assert set(SECRETS) < set(found)
    return found


def flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


@pytest.mark.parametrize("guide", ["docs/runbook.md", "docs/operations.md", "helm/feature-api/README.md"])
def test_objects_that_the_guides_name_are_made(helm: Helm, guide: str) -> None:
    rendered = helm.install({}, "feature-api")
    made = {(one["kind"].lower(), one["metadata"]["name"]) for one in (*rendered.objects, *rendered.hooks)}
    text = (CHART.parents[1] / guide).read_text()
    named = set(re.findall(r"\b(deployment|cronjob|job|service)/(feature-api[a-z-]*)", text))
    assert named - made == set()
    assert bool(named) == ("kubectl" in text)


def test_notes_say_how_to_make_the_first_key_and_user(helm: Helm) -> None:
    rendered = helm.install({}, "feature-api")
    made = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in rendered.objects}
    assert set(re.findall(r"\b[a-z]+/feature-api[a-z-]*", rendered.notes)) <= made
    assert "create job --from=cronjob/feature-api-keys first-key" in rendered.notes
    assert "exec -it deployment/feature-api --" in rendered.notes
    assert "first-key" not in helm.install({"keyRotation": {"enabled": False}}, "without").notes
