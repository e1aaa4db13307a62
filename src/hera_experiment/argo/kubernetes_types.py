"""The fields of the Kubernetes objects that Argo's hold.

Facts of ``core/v1/types.go`` and ``policy/v1/types.go`` of kubernetes/api and ``meta/v1/types.go``
of kubernetes/apimachinery, 0.33, as :mod:`~hera_experiment.argo.api_types` writes them.
"""

TYPES = """
AWSElasticBlockStoreVolumeSource = volumeID!:string fsType:string partition:int32 readOnly:bool
Affinity = nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAntiAffinity
AppArmorProfile = type!:v1.AppArmorProfileType localhostProfile:*string
AzureDiskVolumeSource = diskName!:string diskURI!:string cachingMode:*v1.AzureDataDiskCachingMode
    fsType:*string readOnly:*bool kind:*v1.AzureDataDiskKind
AzureFileVolumeSource = secretName!:string shareName!:string readOnly:bool
CSIVolumeSource = driver!:string readOnly:*bool fsType:*string volumeAttributes:{}string
    nodePublishSecretRef:LocalObjectReference
Capabilities = add:[]v1.Capability drop:[]v1.Capability
CephFSVolumeSource = monitors:[]string path:string user:string secretFile:string
    secretRef:LocalObjectReference readOnly:bool
CinderVolumeSource = volumeID!:string fsType:string readOnly:bool secretRef:LocalObjectReference
ClusterTrustBundleProjection = name:*string signerName:*string labelSelector:LabelSelector
    optional:*bool path!:string
ConfigMapEnvSource = +LocalObjectReference optional:*bool
ConfigMapKeySelector = +LocalObjectReference key!:string optional:*bool
ConfigMapProjection = +LocalObjectReference items:[]KeyToPath optional:*bool
ConfigMapVolumeSource = +LocalObjectReference items:[]KeyToPath defaultMode:*int32 optional:*bool
Container = name!:string image:string command:[]string args:[]string workingDir:string
    ports:[]ContainerPort envFrom:[]EnvFromSource env:[]EnvVar resources!:ResourceRequirements
    resizePolicy:[]ContainerResizePolicy restartPolicy:*v1.ContainerRestartPolicy
    volumeMounts:[]VolumeMount volumeDevices:[]VolumeDevice livenessProbe:Probe
    readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle terminationMessagePath:string
    terminationMessagePolicy:v1.TerminationMessagePolicy imagePullPolicy:v1.PullPolicy
    securityContext:SecurityContext stdin:bool stdinOnce:bool tty:bool
ContainerPort = name:string hostPort:int32 containerPort!:int32 protocol:v1.Protocol hostIP:string
ContainerResizePolicy = resourceName!:v1.ResourceName
    restartPolicy!:v1.ResourceResizeRestartPolicy
DownwardAPIProjection = items:[]DownwardAPIVolumeFile
DownwardAPIVolumeFile = path!:string fieldRef:ObjectFieldSelector
    resourceFieldRef:ResourceFieldSelector mode:*int32
DownwardAPIVolumeSource = items:[]DownwardAPIVolumeFile defaultMode:*int32
EmptyDirVolumeSource = medium:v1.StorageMedium sizeLimit:quantity
EnvFromSource = prefix:string configMapRef:ConfigMapEnvSource secretRef:SecretEnvSource
EnvVar = name!:string value:string valueFrom:EnvVarSource
EnvVarSource = fieldRef:ObjectFieldSelector resourceFieldRef:ResourceFieldSelector
    configMapKeyRef:ConfigMapKeySelector secretKeyRef:SecretKeySelector
EphemeralVolumeSource = volumeClaimTemplate:PersistentVolumeClaimTemplate
ExecAction = command:[]string
FCVolumeSource = targetWWNs:[]string lun:*int32 fsType:string readOnly:bool wwids:[]string
FlexVolumeSource = driver!:string fsType:string secretRef:LocalObjectReference readOnly:bool
    options:{}string
FlockerVolumeSource = datasetName:string datasetUUID:string
GCEPersistentDiskVolumeSource = pdName!:string fsType:string partition:int32 readOnly:bool
GRPCAction = port!:int32 service:*string
GitRepoVolumeSource = repository!:string revision:string directory:string
GlusterfsVolumeSource = endpoints!:string path!:string readOnly:bool
HTTPGetAction = path:string port:int|string host:string scheme:v1.URIScheme
    httpHeaders:[]ProbeHeader
ProbeHeader = name!:string value!:string
HostAlias = ip!:string hostnames:[]string
HostPathVolumeSource = path!:string type:*v1.HostPathType
ISCSIVolumeSource = targetPortal!:string iqn!:string lun!:int32 iscsiInterface:string
    fsType:string readOnly:bool portals:[]string chapAuthDiscovery:bool chapAuthSession:bool
    secretRef:LocalObjectReference initiatorName:*string
ImageVolumeSource = reference:string pullPolicy:v1.PullPolicy
KeyToPath = key!:string path!:string mode:*int32
Lifecycle = postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:*v1.Signal
LifecycleHandler = exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction
    sleep:SleepAction
LocalObjectReference = name:string
ModifyVolumeStatus = targetVolumeAttributesClassName:string
    status!:v1.PersistentVolumeClaimModifyVolumeStatus
NFSVolumeSource = server!:string path!:string readOnly:bool
NodeAffinity = requiredDuringSchedulingIgnoredDuringExecution:NodeSelector
    preferredDuringSchedulingIgnoredDuringExecution:[]PreferredSchedulingTerm
NodeSelector = nodeSelectorTerms:[]NodeSelectorTerm
NodeSelectorRequirement = key!:string operator!:v1.NodeSelectorOperator values:[]string
NodeSelectorTerm = matchExpressions:[]NodeSelectorRequirement
    matchFields:[]NodeSelectorRequirement
ObjectFieldSelector = apiVersion:string fieldPath!:string
PersistentVolumeClaim = kind:string apiVersion:string metadata!:ObjectMeta
    spec!:PersistentVolumeClaimSpec status!:PersistentVolumeClaimStatus
PersistentVolumeClaimCondition = type!:v1.PersistentVolumeClaimConditionType
    status!:v1.ConditionStatus lastProbeTime:any lastTransitionTime:any reason:string
    message:string
PersistentVolumeClaimSpec = accessModes:[]v1.PersistentVolumeAccessMode selector:LabelSelector
    resources!:VolumeResourceRequirements volumeName:string storageClassName:*string
    volumeMode:*v1.PersistentVolumeMode dataSource:TypedLocalObjectReference
    dataSourceRef:TypedObjectReference volumeAttributesClassName:*string
PersistentVolumeClaimStatus = phase:v1.PersistentVolumeClaimPhase
    accessModes:[]v1.PersistentVolumeAccessMode capacity:{}quantity
    conditions:[]PersistentVolumeClaimCondition allocatedResources:{}quantity
    allocatedResourceStatuses:{}v1.ClaimResourceStatus currentVolumeAttributesClassName:*string
    modifyVolumeStatus:ModifyVolumeStatus
PersistentVolumeClaimTemplate = metadata!:ObjectMeta spec!:PersistentVolumeClaimSpec
PersistentVolumeClaimVolumeSource = claimName!:string readOnly:bool
PhotonPersistentDiskVolumeSource = pdID!:string fsType:string
PodAffinity = requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm
    preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
PodAffinityTerm = labelSelector:LabelSelector namespaces:[]string topologyKey!:string
    namespaceSelector:LabelSelector matchLabelKeys:[]string mismatchLabelKeys:[]string
PodAntiAffinity = requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm
    preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm
PodDNSConfig = nameservers:[]string searches:[]string options:[]PodDNSConfigOption
PodDNSConfigOption = name:string value:*string
PodResourceClaim = name!:string resourceClaimName:*string resourceClaimTemplateName:*string
PodSecurityContext = seLinuxOptions:SELinuxOptions windowsOptions:WindowsSecurityContextOptions
    runAsUser:*int64 runAsGroup:*int64 runAsNonRoot:*bool supplementalGroups:[]int64
    supplementalGroupsPolicy:*v1.SupplementalGroupsPolicy fsGroup:*int64 sysctls:[]Sysctl
    fsGroupChangePolicy:*v1.PodFSGroupChangePolicy seccompProfile:SeccompProfile
    appArmorProfile:AppArmorProfile seLinuxChangePolicy:*v1.PodSELinuxChangePolicy
PortworxVolumeSource = volumeID!:string fsType:string readOnly:bool
PreferredSchedulingTerm = weight!:int32 preference!:NodeSelectorTerm
Probe = +ProbeHandler initialDelaySeconds:int32 timeoutSeconds:int32 periodSeconds:int32
    successThreshold:int32 failureThreshold:int32 terminationGracePeriodSeconds:*int64
ProbeHandler = exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction grpc:GRPCAction
ProjectedVolumeSource = sources:[]VolumeProjection defaultMode:*int32
QuobyteVolumeSource = registry!:string volume!:string readOnly:bool user:string group:string
    tenant:string
RBDVolumeSource = monitors:[]string image!:string fsType:string pool:string user:string
    keyring:string secretRef:LocalObjectReference readOnly:bool
ResourceClaim = name!:string request:string
ResourceFieldSelector = containerName:string resource!:string divisor:quantity
ResourceRequirements = limits:{}quantity requests:{}quantity claims:[]ResourceClaim
SELinuxOptions = user:string role:string type:string level:string
ScaleIOVolumeSource = gateway!:string system!:string secretRef:LocalObjectReference
    sslEnabled:bool protectionDomain:string storagePool:string storageMode:string
    volumeName:string fsType:string readOnly:bool
SeccompProfile = type!:v1.SeccompProfileType localhostProfile:*string
SecretEnvSource = +LocalObjectReference optional:*bool
SecretKeySelector = +LocalObjectReference key!:string optional:*bool
SecretProjection = +LocalObjectReference items:[]KeyToPath optional:*bool
SecretVolumeSource = secretName:string items:[]KeyToPath defaultMode:*int32 optional:*bool
SecurityContext = capabilities:Capabilities privileged:*bool seLinuxOptions:SELinuxOptions
    windowsOptions:WindowsSecurityContextOptions runAsUser:*int64 runAsGroup:*int64
    runAsNonRoot:*bool readOnlyRootFilesystem:*bool allowPrivilegeEscalation:*bool
    procMount:*v1.ProcMountType seccompProfile:SeccompProfile appArmorProfile:AppArmorProfile
ServiceAccountTokenProjection = audience:string expirationSeconds:*int64 path!:string
SleepAction = seconds!:int64
StorageOSVolumeSource = volumeName:string volumeNamespace:string fsType:string readOnly:bool
    secretRef:LocalObjectReference
Sysctl = name!:string value!:string
TCPSocketAction = port:int|string host:string
Toleration = key:string operator:v1.TolerationOperator value:string effect:v1.TaintEffect
    tolerationSeconds:*int64
TypedLocalObjectReference = apiGroup:*string kind!:string name!:string
TypedObjectReference = apiGroup:*string kind!:string name!:string namespace:*string
Volume = name!:string +VolumeSource
VolumeDevice = name!:string devicePath!:string
VolumeMount = name!:string readOnly:bool recursiveReadOnly:*v1.RecursiveReadOnlyMode
    mountPath!:string subPath:string mountPropagation:*v1.MountPropagationMode subPathExpr:string
VolumeProjection = secret:SecretProjection downwardAPI:DownwardAPIProjection
    configMap:ConfigMapProjection serviceAccountToken:ServiceAccountTokenProjection
    clusterTrustBundle:ClusterTrustBundleProjection
VolumeResourceRequirements = limits:{}quantity requests:{}quantity
VolumeSource = hostPath:HostPathVolumeSource emptyDir:EmptyDirVolumeSource
    gcePersistentDisk:GCEPersistentDiskVolumeSource
    awsElasticBlockStore:AWSElasticBlockStoreVolumeSource gitRepo:GitRepoVolumeSource
    secret:SecretVolumeSource nfs:NFSVolumeSource iscsi:ISCSIVolumeSource
    glusterfs:GlusterfsVolumeSource persistentVolumeClaim:PersistentVolumeClaimVolumeSource
    rbd:RBDVolumeSource flexVolume:FlexVolumeSource cinder:CinderVolumeSource
    cephfs:CephFSVolumeSource flocker:FlockerVolumeSource downwardAPI:DownwardAPIVolumeSource
    fc:FCVolumeSource azureFile:AzureFileVolumeSource configMap:ConfigMapVolumeSource
    vsphereVolume:VsphereVirtualDiskVolumeSource quobyte:QuobyteVolumeSource
    azureDisk:AzureDiskVolumeSource photonPersistentDisk:PhotonPersistentDiskVolumeSource
    projected:ProjectedVolumeSource portworxVolume:PortworxVolumeSource
    scaleIO:ScaleIOVolumeSource storageos:StorageOSVolumeSource csi:CSIVolumeSource
    ephemeral:EphemeralVolumeSource image:ImageVolumeSource
VsphereVirtualDiskVolumeSource = volumePath!:string fsType:string storagePolicyName:string
    storagePolicyID:string
WeightedPodAffinityTerm = weight!:int32 podAffinityTerm!:PodAffinityTerm
WindowsSecurityContextOptions = gmsaCredentialSpecName:*string gmsaCredentialSpec:*string
    runAsUserName:*string hostProcess:*bool
LabelSelector = matchLabels:{}string matchExpressions:[]LabelSelectorRequirement
LabelSelectorRequirement = key!:string operator!:v1.LabelSelectorOperator values:[]string
ManagedFieldsEntry = manager:string operation:v1.ManagedFieldsOperationType apiVersion:string
    time:any fieldsType:string fieldsV1:any subresource:string
ObjectMeta = name:string generateName:string namespace:string selfLink:string uid:types.UID
    resourceVersion:string generation:int64 creationTimestamp:any deletionTimestamp:any
    deletionGracePeriodSeconds:*int64 labels:{}string annotations:{}string
    ownerReferences:[]OwnerReference finalizers:[]string managedFields:[]ManagedFieldsEntry
OwnerReference = apiVersion!:string kind!:string name!:string uid!:types.UID controller:*bool
    blockOwnerDeletion:*bool
PodDisruptionBudgetSpec = minAvailable:int|string selector:LabelSelector maxUnavailable:int|string
    unhealthyPodEvictionPolicy:*v1.UnhealthyPodEvictionPolicyType
"""
