// Latchkey on Azure: one Function app on Flex Consumption with its own identity, state in Cosmos DB, effects over Service Bus. Nothing here holds a key or a
// connection string: every service is reached by the app's user-assigned identity, and local authentication is off everywhere.
targetScope = 'subscription'

// Where and what.

@description('Name of the azd environment; every resource is named after it.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Region of all resources. It must offer Flex Consumption.')
@minLength(1)
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('Resource group to create or to use. Empty: named after the environment.')
@maxLength(90)
param resourceGroupName string = ''

// Who may call, and what is called.

@description('Client id of the app registration that stands for the API (infra/entra prints it): the audience of every access token.')
@minLength(36)
@maxLength(255)
param audience string

@description('Authority whose tokens are accepted. Default: that of the cloud deployed to.')
@minLength(12)
param tokenAuthority string = environment().authentication.loginEndpoint

@description('Microsoft Graph, with its version. Other clouds have other addresses.')
@minLength(12)
param graphEndpoint string = 'https://graph.microsoft.com/v1.0'

@description('Object id or user principal name of the mailbox that notifications are sent from. Empty: no mail is sent.')
param mailSender string = ''

@description('Sign people in by App Service authentication, for the pages (infra/entra/setup.sh --pages goes with it).')
param pages bool = false

@description('Where the links in mails lead, such as https://access.contoso.com. Empty: mails have no links.')
@maxLength(2048)
param portalUrl string = ''

@description('What links to next pages begin with, where callers reach the API by another address than the app\'s. Empty: the address that a request was sent to.')
@maxLength(2048)
param publicUrl string = ''

@description('Application ids that may call custom extensions, separated by commas. Empty: nobody may.')
@maxLength(2048)
param calloutCallers string = ''

@description('Audiences of the tokens that custom extensions are called with, separated by commas. Empty: those of the API.')
@maxLength(2048)
param calloutAudience string = ''

@description('Hosts, each with its port (desk.contoso.local:443), that webhooks and tickets may call though their addresses are private, separated by commas. Empty: none.')
@maxLength(2048)
param calloutPrivateHosts string = ''

@description('Identifier of the Key Vault secret that holds the secrets of actions as JSON: its address, https://…/secrets/<name>. Empty: there are none.')
@secure()
@maxLength(2048)
param calloutSecrets string = ''

@description('Whether Temporary Access Passes are also issued for those who hold a directory role or may activate one, to their manager or to themselves.')
param passAllowPrivileged bool = false

@description('Template ids of directory roles whose holders, and those who may activate them, may have a pass all the same, separated by commas. Empty: none.')
@maxLength(2048)
param passAllowedRoles string = ''

// When the timers run: six fields, the first one is the second.

@description('When ends of access and deadlines are looked for.')
@minLength(11)
param expirationsSchedule string = '0 */5 * * * *'

@description('When effects that a crash left unsent are sent.')
@minLength(11)
param outboxSchedule string = '30 * * * * *'

@description('When audit chains are verified, and documents held against their heads (UTC).')
@minLength(11)
param reconciliationSchedule string = '0 20 2 * * *'

@description('Audit chains that each run of the timer reconciliation verifies at most, each with its documents. 0: none.')
@minValue(0)
@maxValue(100000)
param auditChainsPerRun int = 2000

@description('Requests for one access package that are accepted of a person within an hour. 0: any number.')
@minValue(0)
@maxValue(100)
param requestsPerHour int = 10

// Size.

@description('Memory of an instance in MB. The handler needs little; the host takes most of it.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('The most instances that the app may scale out to.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances that are kept warm for HTTP. 0: the first request after a pause waits for a cold start.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0

@description('How Cosmos DB is paid: by the request, or by provisioned throughput that scales itself.')
@allowed([
  'serverless'
  'autoscale'
])
param cosmosCapacity string = 'serverless'

@description('With autoscale: the most request units a second, shared by all containers. It idles at a tenth of it.')
@minValue(1000)
@maxValue(1000000)
param cosmosMaxThroughput int = 1000

@description('How far back Cosmos DB can be restored to any second. 30 days are charged for, 7 are not.')
@allowed([
  'Continuous7Days'
  'Continuous30Days'
])
param cosmosBackupTier string = 'Continuous7Days'

@description('Name of the Cosmos DB account. Empty: named after the environment. After a restore, the restored one (docs/operate/restore.md).')
@maxLength(44)
param cosmosName string = ''

@description('Tier of Service Bus. Private networking needs Premium and takes it by itself.')
@allowed([
  'Standard'
  'Premium'
])
param serviceBusTier string = 'Standard'

@description('Spread storage and Cosmos DB over the zones of the region, where it has some.')
param zoneRedundant bool = false

@description('Reach Cosmos DB, Service Bus and storage over private endpoints only.')
param privateNetworking bool = false

@description('With private networking: the address space of the virtual network, at least a /22.')
@minLength(9)
param networkAddressPrefix string = '10.70.0.0/22'

@description('A second Function app on the same state and queues, to run a new release beside the old one (docs/operate/upgrade.md).')
param secondApp bool = false

// Watching.

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Who is told of alerts by mail. Empty: alerts only show in the portal.')
@maxLength(320)
param alertEmail string = ''

@description('The least severe log lines that are written.')
@allowed([
  'debug'
  'info'
  'warn'
  'error'
])
param logLevel string = 'info'

@description('OpenTelemetry collector that takes OTLP over HTTP, such as https://collector.contoso.com:4318. Empty: no traces and metrics beside those of Application Insights.')
@maxLength(2048)
param otlpEndpoint string = ''

var abbreviations = loadJsonContent('abbreviations.json')
var token = uniqueString(subscription().id, environmentName, location)
var tags = { 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: empty(resourceGroupName) ? '${abbreviations.resourcesResourceGroups}${environmentName}' : resourceGroupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: '${abbreviations.managedIdentityUserAssignedIdentities}latchkey-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: '${abbreviations.operationalInsightsWorkspaces}${token}'
    insightsName: '${abbreviations.insightsComponents}${token}'
    location: location
    tags: tags
    retentionDays: logRetentionDays
    principalId: identity.outputs.principalId
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: '${abbreviations.storageStorageAccounts}${token}'
    location: location
    tags: tags
    zoneRedundant: zoneRedundant
    privateNetworking: privateNetworking
    principalId: identity.outputs.principalId
  }
}

module cosmos 'modules/cosmos.bicep' = {
  name: 'cosmos'
  scope: group
  params: {
    name: empty(cosmosName) ? '${abbreviations.documentDBDatabaseAccounts}${token}' : cosmosName
    location: location
    tags: tags
    capacity: cosmosCapacity
    maxThroughput: cosmosMaxThroughput
    backupTier: cosmosBackupTier
    zoneRedundant: zoneRedundant
    privateNetworking: privateNetworking
    principalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module serviceBus 'modules/servicebus.bicep' = {
  name: 'servicebus'
  scope: group
  params: {
    name: '${abbreviations.serviceBusNamespaces}${token}'
    location: location
    tags: tags
    tier: privateNetworking ? 'Premium' : serviceBusTier
    privateNetworking: privateNetworking
    principalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  name: 'network'
  scope: group
  params: {
    name: '${abbreviations.networkVirtualNetworks}${token}'
    endpointPrefix: '${abbreviations.networkPrivateEndpoints}${token}'
    location: location
    tags: tags
    addressPrefix: networkAddressPrefix
    cosmosId: cosmos.outputs.id
    serviceBusId: serviceBus.outputs.id
    storageId: storage.outputs.id
  }
}

module app 'modules/function-app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: '${abbreviations.webSitesFunctions}${token}'
    planName: '${abbreviations.webServerFarms}${token}'
    location: location
    tags: tags
    identityName: identity.outputs.name
    insightsName: monitoring.outputs.insightsName
    storageName: storage.outputs.name
    deploymentContainer: storage.outputs.deploymentContainer
    cosmosName: cosmos.outputs.name
    cosmosDatabase: cosmos.outputs.databaseName
    serviceBusName: serviceBus.outputs.name
    subnetId: privateNetworking ? network!.outputs.appSubnetId : ''
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    audience: audience
    tokenAuthority: tokenAuthority
    graphEndpoint: graphEndpoint
    mailSender: mailSender
    pages: pages
    portalUrl: portalUrl
    publicUrl: publicUrl
    calloutCallers: calloutCallers
    calloutAudience: calloutAudience
    calloutPrivateHosts: calloutPrivateHosts
    calloutSecrets: calloutSecrets
    passAllowPrivileged: passAllowPrivileged
    passAllowedRoles: passAllowedRoles
    logLevel: logLevel
    otlpEndpoint: otlpEndpoint
    expirationsSchedule: expirationsSchedule
    outboxSchedule: outboxSchedule
    reconciliationSchedule: reconciliationSchedule
    auditChainsPerRun: auditChainsPerRun
    requestsPerHour: requestsPerHour
  }
}

// The next release, beside the present one: the same settings and the same state, a plan and a package of its own.
module nextApp 'modules/function-app.bicep' = if (secondApp) {
  name: 'app-next'
  scope: group
  params: {
    name: '${abbreviations.webSitesFunctions}${token}-next'
    planName: '${abbreviations.webServerFarms}${token}-next'
    location: location
    tags: tags
    identityName: identity.outputs.name
    insightsName: monitoring.outputs.insightsName
    storageName: storage.outputs.name
    deploymentContainer: storage.outputs.nextDeploymentContainer
    cosmosName: cosmos.outputs.name
    cosmosDatabase: cosmos.outputs.databaseName
    serviceBusName: serviceBus.outputs.name
    subnetId: privateNetworking ? network!.outputs.nextAppSubnetId : ''
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: 0
    audience: audience
    tokenAuthority: tokenAuthority
    graphEndpoint: graphEndpoint
    mailSender: mailSender
    pages: pages
    portalUrl: portalUrl
    publicUrl: publicUrl
    calloutCallers: calloutCallers
    calloutAudience: calloutAudience
    calloutPrivateHosts: calloutPrivateHosts
    calloutSecrets: calloutSecrets
    passAllowPrivileged: passAllowPrivileged
    passAllowedRoles: passAllowedRoles
    logLevel: logLevel
    otlpEndpoint: otlpEndpoint
    expirationsSchedule: expirationsSchedule
    outboxSchedule: outboxSchedule
    reconciliationSchedule: reconciliationSchedule
    auditChainsPerRun: auditChainsPerRun
    requestsPerHour: requestsPerHour
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    actionGroupName: '${abbreviations.insightsActionGroups}${token}'
    location: location
    tags: tags
    email: alertEmail
    workspaceId: monitoring.outputs.workspaceId
    serviceBusId: serviceBus.outputs.id
    cosmosId: cosmos.outputs.id
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

// For azd and the scripts: azd keeps each in the environment under its name.

@description('Region deployed to.')
output AZURE_LOCATION string = location

@description('Tenant deployed in.')
output AZURE_TENANT_ID string = tenant().tenantId

@description('Resource group deployed to.')
output AZURE_RESOURCE_GROUP string = group.name

@description('The Function app, which the postdeploy hook publishes to.')
output AZURE_FUNCTION_NAME string = app.outputs.name

@description('Where the API answers.')
output AZURE_FUNCTION_URL string = app.outputs.url

@description('The Function app of the next release; empty if there is none.')
output AZURE_FUNCTION_NEXT_NAME string = secondApp ? nextApp!.outputs.name : ''

@description('Where the API of the next release answers; empty if there is none.')
output AZURE_FUNCTION_NEXT_URL string = secondApp ? nextApp!.outputs.url : ''

@description('Object id of the identity, which infra/entra grants Graph permissions to.')
output AZURE_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId

@description('Client id of the identity.')
output AZURE_IDENTITY_CLIENT_ID string = identity.outputs.clientId

@description('Cosmos DB account.')
output AZURE_COSMOS_NAME string = cosmos.outputs.name

@description('Service Bus namespace.')
output AZURE_SERVICE_BUS_NAME string = serviceBus.outputs.name

@description('Storage account.')
output AZURE_STORAGE_NAME string = storage.outputs.name

@description('Log Analytics workspace that the alerts and the workbook read.')
output AZURE_LOG_ANALYTICS_NAME string = monitoring.outputs.workspaceName
