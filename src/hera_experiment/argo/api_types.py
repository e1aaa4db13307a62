"""The fields of Argo's objects, and what a value may be.

Facts of ``pkg/apis/workflow/v1alpha1/*_types.go`` of argoproj/argo-workflows: version 4.0.5, its
fields in the order in which Go writes them, then those of 3.7 and of 4.1 that it lacks.

A field is ``name:kind``, with ``!`` when Go writes it though it is empty. A kind is a Go type, or
``text`` (a string, a number or a boolean), ``quantity``, ``plugin`` (an object of one field) or
``any``; ``[]`` is a list, ``{}`` an object whose keys are free, ``*`` a value that may be empty and
given at once. ``+TYPE`` stands for the fields of another type. ``@<4`` is a field that 4.0 dropped,
``@4.0`` and ``@4.1`` one that 3.7 lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from hera_experiment.argo.kubernetes_types import TYPES as KUBERNETES

ARGO = """
ArchiveStrategy = tar:TarStrategy none:NoneStrategy zip:ZipStrategy
Arguments = parameters:[]Parameter artifacts:[]Artifact
Artifact = name!:string path:string mode:*int32 from:string +ArtifactLocation globalName:string
    archive:ArchiveStrategy optional:bool subPath:string recurseMode:bool fromExpression:string
    artifactGC:ArtifactGC deleted:bool
ArtifactGC = strategy:v1alpha1.ArtifactGCStrategy podMetadata:Metadata serviceAccountName:string
ArtifactLocation = archiveLogs:*bool s3:S3Artifact git:GitArtifact http:HTTPArtifact
    artifactory:ArtifactoryArtifact hdfs:HDFSArtifact raw:RawArtifact oss:OSSArtifact
    gcs:GCSArtifact azure:AzureArtifact plugin:PluginArtifact@4.0
ArtifactPaths = +Artifact
ArtifactRepositoryRef = configMap:string key:string
ArtifactoryArtifact = url!:string +ArtifactoryAuth
ArtifactoryAuth = usernameSecret:SecretKeySelector passwordSecret:SecretKeySelector
AzureArtifact = +AzureBlobContainer blob!:string
AzureBlobContainer = endpoint!:string container!:string accountKeySecret:SecretKeySelector
    useSDKCreds:bool
Backoff = duration:string factor:int|string maxDuration:string cap:string
BasicAuth = usernameSecret:SecretKeySelector passwordSecret:SecretKeySelector
Cache = configMap:CacheConfigMap
CacheConfigMap = +LocalObjectReference key:string@<4 optional:*bool@<4
ClientCertAuth = clientCertSecret:SecretKeySelector clientKeySecret:SecretKeySelector
ClusterWorkflowTemplate = kind:string apiVersion:string metadata!:ObjectMeta spec!:WorkflowSpec
ContainerNode = +Container dependencies:[]string
ContainerSetRetryStrategy = duration:string retries:int|string
ContainerSetTemplate = containers:[]ContainerNode volumeMounts:[]VolumeMount
    retryStrategy:ContainerSetRetryStrategy
ContinueOn = error:bool failed:bool
Counter = value!:string
CreateS3BucketOptions = objectLocking:bool
CronWorkflow = kind:string apiVersion:string metadata!:ObjectMeta spec!:CronWorkflowSpec
    status:any
CronWorkflowSpec = workflowSpec!:WorkflowSpec concurrencyPolicy:v1alpha1.ConcurrencyPolicy
    suspend:bool startingDeadlineSeconds:*int64 successfulJobsHistoryLimit:*int32
    failedJobsHistoryLimit:*int32 timezone:string workflowMetadata:ObjectMeta
    stopStrategy:StopStrategy schedules:[]string when:string schedule:string@<4
DAGTask = name!:string template:string inline:Template arguments!:Arguments
    templateRef:TemplateRef dependencies:[]string withItems:[]any withParam:string
    withSequence:Sequence when:string continueOn:ContinueOn onExit:string depends:string
    hooks:{}LifecycleHook
DAGTemplate = target:string tasks:[]DAGTask failFast:*bool
Data = source!:DataSource transformation:[]TransformationStep
DataSource = artifactPaths:ArtifactPaths
ExecutorConfig = serviceAccountName:string
ExecutorPlugin = metadata:ObjectMeta@4.1 spec:ExecutorPluginSpec@4.1
ExecutorPluginSidecar = automountServiceAccountToken:bool@4.1 container:Container@4.1
ExecutorPluginSpec = sidecar:ExecutorPluginSidecar@4.1
GCSArtifact = +GCSBucket key!:string
GCSBucket = bucket:string serviceAccountKeySecret:SecretKeySelector
Gauge = value!:string realtime:*bool operation:v1alpha1.GaugeOperation
GitArtifact = repo!:string revision:string depth:*uint64 fetch:[]string
    usernameSecret:SecretKeySelector passwordSecret:SecretKeySelector
    sshPrivateKeySecret:SecretKeySelector insecureIgnoreHostKey:bool disableSubmodules:bool
    singleBranch:bool branch:string insecureSkipTLS:bool
HDFSArtifact = +HDFSConfig path!:string force:bool
HDFSConfig = +HDFSKrbConfig addresses:[]string hdfsUser:string dataTransferProtection:string
HDFSKrbConfig = krbCCacheSecret:SecretKeySelector krbKeytabSecret:SecretKeySelector
    krbUsername:string krbRealm:string krbConfigConfigMap:ConfigMapKeySelector
    krbServicePrincipalName:string
HTTP = method:string url!:string headers:[]HTTPHeader timeoutSeconds:*int64
    successCondition:string body:string bodyFrom:HTTPBodySource insecureSkipVerify:bool
HTTPArtifact = url!:string headers:[]Header auth:HTTPAuth saveStreamViaFile:bool@4.1
HTTPAuth = clientCert!:ClientCertAuth oauth2!:OAuth2Auth basicAuth!:BasicAuth
HTTPBodySource = bytes:bytes
HTTPHeader = name!:string value:string valueFrom:HTTPHeaderSource
HTTPHeaderSource = secretKeyRef:SecretKeySelector
Header = name!:string value!:string
Histogram = value!:string buckets:[]any
Inputs = parameters:[]Parameter artifacts:[]Artifact
LabelValueFrom = expression!:string
LifecycleHook = template:string arguments!:Arguments templateRef:TemplateRef expression:string
ManifestFrom = artifact:Artifact
Memoize = key!:string cache:Cache maxAge!:string
Metadata = annotations:{}string labels:{}string
MetricLabel = key!:string value!:string
Metrics = prometheus:[]Prometheus
Mutex = name:string namespace:string database:bool
NoneStrategy =
OAuth2Auth = clientIDSecret:SecretKeySelector clientSecretSecret:SecretKeySelector
    tokenURLSecret:SecretKeySelector scopes:[]string endpointParams:[]OAuth2EndpointParam
OAuth2EndpointParam = key!:string value:string
OSSArtifact = +OSSBucket key!:string
OSSBucket = endpoint:string bucket:string accessKeySecret:SecretKeySelector
    secretKeySecret:SecretKeySelector createBucketIfNotPresent:bool securityToken:string
    lifecycleRule:OSSLifecycleRule useSDKCreds:bool
OSSLifecycleRule = markInfrequentAccessAfterDays:int32 markDeletionAfterDays:int32
Outputs = parameters:[]Parameter artifacts:[]Artifact result:*string exitCode:*string
Parameter = name!:string default:*text value:*text valueFrom:ValueFrom globalName:string
    enum:[]text description:*text
PluginArtifact = name:v1alpha1.ArtifactPluginName@4.0 configuration:string@4.0
    connectionTimeoutSeconds:int32@4.0 key!:string@4.0
PodGC = strategy:v1alpha1.PodGCStrategy labelSelector:LabelSelector deleteDelayDuration:string
Prometheus = name!:string labels:[]MetricLabel help!:string when:string gauge:Gauge
    histogram:Histogram counter:Counter
RawArtifact = data!:string
ResourceTemplate = action!:string mergeStrategy:string manifest:string manifestFrom:ManifestFrom
    setOwnerReference:bool successCondition:string failureCondition:string flags:[]string
RetryAffinity = nodeAntiAffinity:RetryNodeAntiAffinity
RetryNodeAntiAffinity =
RetryStrategy = limit:int|string retryPolicy:v1alpha1.RetryPolicy backoff:Backoff
    affinity:RetryAffinity expression:string
S3Artifact = +S3Bucket key:string
S3Bucket = endpoint:string bucket:string region:string insecure:*bool
    accessKeySecret:SecretKeySelector secretKeySecret:SecretKeySelector
    sessionTokenSecret:SecretKeySelector roleARN:string useSDKCreds:bool
    createBucketIfNotPresent:CreateS3BucketOptions encryptionOptions:S3EncryptionOptions
    caSecret:SecretKeySelector addressingStyle:string@4.1
S3EncryptionOptions = kmsKeyId:string kmsEncryptionContext:string enableEncryption:bool
    serverSideCustomerKeySecret:SecretKeySelector
ScriptTemplate = +Container source!:string
SemaphoreRef = configMapKeyRef:ConfigMapKeySelector namespace:string database:SyncDatabaseRef
Sequence = count:int|string start:int|string end:int|string format:string
StopStrategy = expression!:string
SuppliedValueFrom =
SuspendTemplate = duration:string
SyncDatabaseRef = key!:string
Synchronization = semaphores:[]SemaphoreRef mutexes:[]Mutex semaphore:SemaphoreRef@<4
    mutex:Mutex@<4
TTLStrategy = secondsAfterCompletion:*int32 secondsAfterSuccess:*int32 secondsAfterFailure:*int32
TarStrategy = compressionLevel:*int32
Template = name:string inputs!:Inputs outputs!:Outputs nodeSelector:{}string affinity:Affinity
    metadata!:Metadata daemon:*bool steps:[][]WorkflowStep container:Container
    containerSet:ContainerSetTemplate script:ScriptTemplate resource:ResourceTemplate
    dag:DAGTemplate suspend:SuspendTemplate data:Data http:HTTP plugin:plugin volumes:[]Volume
    initContainers:[]UserContainer sidecars:[]UserContainer archiveLocation:ArtifactLocation
    activeDeadlineSeconds:int|string retryStrategy:RetryStrategy parallelism:*int64 failFast:*bool
    tolerations:[]Toleration schedulerName:string priorityClassName:string
    serviceAccountName:string automountServiceAccountToken:*bool executor:ExecutorConfig
    hostAliases:[]HostAlias securityContext:PodSecurityContext podSpecPatch:string metrics:Metrics
    synchronization:Synchronization memoize:Memoize timeout:string annotations:{}string
    pendingTimeout:string@4.1 podResources:ResourceRequirements@4.1
    resourceClaims:[]PodResourceClaim@4.1
TemplateRef = name:string template:string clusterScope:bool
TransformationStep = expression!:string
UserContainer = +Container mirrorVolumeMounts:*bool
ValueFrom = path:string jsonPath:string jqFilter:string event:string parameter:string
    supplied:SuppliedValueFrom configMapKeyRef:ConfigMapKeySelector default:*text
    expression:string
VolumeClaimGC = strategy:v1alpha1.VolumeClaimGCStrategy
Workflow = kind:string apiVersion:string metadata!:ObjectMeta spec!:WorkflowSpec status:any
WorkflowLevelArtifactGC = +ArtifactGC forceFinalizerRemoval:bool podSpecPatch:string
WorkflowMetadata = labels:{}string annotations:{}string labelsFrom:{}LabelValueFrom
WorkflowSpec = templates:[]Template entrypoint:string arguments!:Arguments
    serviceAccountName:string automountServiceAccountToken:*bool executor:ExecutorConfig
    volumes:[]Volume volumeClaimTemplates:[]PersistentVolumeClaim parallelism:*int64
    artifactRepositoryRef:ArtifactRepositoryRef suspend:*bool nodeSelector:{}string
    affinity:Affinity tolerations:[]Toleration imagePullSecrets:[]LocalObjectReference
    hostNetwork:*bool dnsPolicy:*v1.DNSPolicy dnsConfig:PodDNSConfig onExit:string
    ttlStrategy:TTLStrategy activeDeadlineSeconds:*int64 priority:*int32 schedulerName:string
    podGC:PodGC podPriorityClassName:string hostAliases:[]HostAlias
    securityContext:PodSecurityContext podSpecPatch:string
    podDisruptionBudget:PodDisruptionBudgetSpec metrics:Metrics shutdown:v1alpha1.ShutdownStrategy
    workflowTemplateRef:WorkflowTemplateRef synchronization:Synchronization
    volumeClaimGC:VolumeClaimGC retryStrategy:RetryStrategy podMetadata:Metadata
    templateDefaults:Template archiveLogs:*bool hooks:{}LifecycleHook
    workflowMetadata:WorkflowMetadata artifactGC:WorkflowLevelArtifactGC
    executorPlugins:[]ExecutorPlugin@4.1 podResources:ResourceRequirements@4.1
    resourceClaims:[]PodResourceClaim@4.1
WorkflowStep = name:string template:string inline:Template arguments!:Arguments
    templateRef:TemplateRef withItems:[]any withParam:string withSequence:Sequence when:string
    continueOn:ContinueOn onExit:string hooks:{}LifecycleHook
WorkflowTemplate = kind:string apiVersion:string metadata!:ObjectMeta spec!:WorkflowSpec
WorkflowTemplateRef = name:string clusterScope:bool
ZipStrategy =
"""


@dataclass(frozen=True)
class Field:
    """A field of an object; ``through`` has the types that its type took it over from."""

    name: str
    kind: str
    always: bool = False
    given: bool = False
    until: str = ""
    since: str = ""
    through: tuple[str, ...] = ()


@cache
def fields_of(type_name: str) -> dict[str, Field]:
    """Return the fields of a type in Go's order; raises KeyError for what is no type."""
    found: dict[str, Field] = {}
    for word in _types()[type_name].split():
        if word.startswith("+"):
            for name, field in fields_of(word[1:]).items():
                through = (word[1:], *field.through)
                found[name] = Field(**{**vars(field), "through": through})
            continue
        name, _, rest = word.partition(":")
        kind, _, version = rest.partition("@")
        found[name.rstrip("!")] = Field(
            name.rstrip("!"),
            kind.removeprefix("*"),
            always=name.endswith("!"),
            given=kind.startswith("*"),
            until=version.removeprefix("<") if version.startswith("<") else "",
            since="" if version.startswith("<") else version,
        )
    return found


def is_type(kind: str) -> bool:
    """Tell whether ``kind`` is an object with fields of its own."""
    return kind in _types()


_OF_KUBERNETES = {"CacheConfigMap": "v1.LocalObjectReference", "ProbeHeader": "v1.HTTPHeader"}
"""What Go calls the types that have another name here."""


def go_name(kind: str) -> str:
    """Return a kind as Go's messages call it."""
    if kind in _COLLECTIONS:
        return _COLLECTIONS[kind]
    if kind.startswith("[]"):
        return f"[]{go_name(kind[2:])}"
    if kind.startswith("{}"):
        return f"map[string]{go_name(kind[2:])}"
    if kind in _OF_KUBERNETES:
        return _OF_KUBERNETES[kind]
    if is_type(kind):
        return f"{'v1alpha1' if kind in _own() else 'v1'}.{kind}"
    return {"int|string": "int32", "text": "string", "plugin": "map[string]interface {}"}.get(
        kind, kind
    )


_COLLECTIONS = {
    "[]Artifact": "v1alpha1.Artifacts",
    "[]HTTPHeader": "v1alpha1.HTTPHeaders",
    "[]MetricLabel": "[]*v1alpha1.MetricLabel",
    "[]Mutex": "[]*v1alpha1.Mutex",
    "[]Prometheus": "[]*v1alpha1.Prometheus",
    "[]SemaphoreRef": "[]*v1alpha1.SemaphoreRef",
    "[]TransformationStep": "v1alpha1.Transformation",
    "[][]WorkflowStep": "[]v1alpha1.ParallelSteps",
    "[]WorkflowStep": "[]map[string]interface {}",
    "[]any": "[]v1alpha1.Item",
    "{}LifecycleHook": "v1alpha1.LifecycleHooks",
    "{}quantity": "v1.ResourceList",
}
"""The lists and maps that Go has a name for."""


@cache
def _own() -> dict[str, str]:
    return _parsed(ARGO)


@cache
def _types() -> dict[str, str]:
    return {**_parsed(KUBERNETES), **_own()}


def _parsed(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in text.strip().splitlines():
        if line.startswith(" "):
            found[name] += line
        else:
            name, _, found[name] = (part.strip() for part in line.partition("="))
    return found
