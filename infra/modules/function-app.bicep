// The Function app: Flex Consumption, runtime "custom", one identity. The package is published to a blob container that the identity reads.

@description('Name of the app. The host tells apps that share a storage account apart by its first 32 characters.')
@minLength(2)
@maxLength(32)
param name string

@description('Name of the plan: on Flex Consumption each app has its own.')
@minLength(1)
@maxLength(60)
param planName string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the user-assigned identity.')
param identityName string

@description('Name of Application Insights.')
param insightsName string

@description('Name of the storage account.')
param storageName string

@description('Blob container of the published package.')
param deploymentContainer string

@description('Name of the Cosmos DB account.')
param cosmosName string

@description('Name of the database.')
param cosmosDatabase string

@description('Name of the Service Bus namespace.')
param serviceBusName string

@description('Id of the subnet for outgoing connections. Empty: none.')
param subnetId string

@description('Memory of an instance in MB.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int

@description('The most instances.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int

@description('Instances kept warm for HTTP.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int

@description('Audience of the access tokens.')
param audience string

@description('Authority whose tokens are accepted.')
param tokenAuthority string

@description('Microsoft Graph, with its version.')
param graphEndpoint string

@description('Mailbox that notifications are sent from. Empty: no mail.')
param mailSender string

@description('Where the links in mails lead. Empty: mails have no links.')
param portalUrl string

@description('What links to next pages begin with. Empty: the address that a request was sent to.')
param publicUrl string

@description('Application ids that may call custom extensions, separated by commas. Empty: nobody may.')
param calloutCallers string

@description('Audiences of the tokens that custom extensions are called with, separated by commas. Empty: those of the API.')
param calloutAudience string

@description('Hosts, each with its port (desk.contoso.local:443), that webhooks and tickets may call though their addresses are private, separated by commas. Empty: none.')
param calloutPrivateHosts string

@description('Identifier of the Key Vault secret that holds the secrets of actions as JSON: its address, https://…/secrets/<name>. Empty: there are none.')
@secure()
param calloutSecrets string

@description('Whether Temporary Access Passes are also issued for those who hold a directory role or may activate one.')
param passAllowPrivileged bool

@description('Template ids of directory roles whose holders may have a pass all the same, separated by commas. Empty: none.')
param passAllowedRoles string

@description('The least severe log lines that are written.')
param logLevel string

@description('OpenTelemetry collector that takes OTLP over HTTP. Empty: no traces and metrics beside those of Application Insights.')
param otlpEndpoint string

@description('When ends of access and deadlines are looked for.')
param expirationsSchedule string

@description('When effects that a crash left unsent are sent.')
param outboxSchedule string

@description('When audit chains are verified.')
param reconciliationSchedule string

@description('Audit chains that each run verifies at most.')
param auditChainsPerRun int

@description('Requests for one access package that are accepted of a person within an hour. 0: any number.')
param requestsPerHour int

@description('Sign people in by App Service authentication, for the pages. infra/entra/setup.sh --pages prepares the app registration.')
param pages bool

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: identityName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageName
}

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2024-11-15' existing = {
  name: cosmosName
}

resource serviceBus 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: serviceBusName
}

// Every setting of the app. shared/platform declares those that the handler reads; infra/bundle holds the function.json files against them. The runtime is
// in functionAppConfig: on Flex Consumption FUNCTIONS_WORKER_RUNTIME and its like are no settings.
var settings = {
  // app settings begin
  TenantId: tenant().tenantId
  Audience: audience
  TokenAuthority: tokenAuthority
  GraphEndpoint: graphEndpoint
  MailSender: mailSender
  CosmosConnection__accountEndpoint: cosmos.properties.documentEndpoint
  CosmosDatabase: cosmosDatabase
  ServiceBusConnection__fullyQualifiedNamespace: replace(replace(serviceBus.properties.serviceBusEndpoint, 'https://', ''), ':443/', '')
  ServiceBusConnection__credential: 'managedidentity'
  ServiceBusConnection__clientId: identity.properties.clientId
  AzureWebJobsStorage__accountName: storage.name
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  AZURE_CLIENT_ID: identity.properties.clientId
  PortalUrl: portalUrl
  PublicUrl: publicUrl
  CalloutCallers: calloutCallers
  CalloutAudience: calloutAudience
  CalloutPrivateHosts: calloutPrivateHosts
  CalloutSecrets: empty(calloutSecrets) ? '' : '@Microsoft.KeyVault(SecretUri=${calloutSecrets})' // always a reference: a secret cannot get in here
  PassAllowPrivileged: passAllowPrivileged ? 'true' : 'false'
  PassAllowedRoles: passAllowedRoles
  AuditChainsPerRun: string(auditChainsPerRun)
  RequestsPerHour: string(requestsPerHour)
  LogLevel: logLevel
  OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint
  ExpirationsSchedule: expirationsSchedule
  OutboxSchedule: outboxSchedule
  ReconciliationSchedule: reconciliationSchedule
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
  // app settings end
}

// App Service authentication proves itself to Entra by the identity (a federated credential of the app registration) instead of a client secret.
var pagesSettings = {
  // app settings begin
  OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identity.properties.clientId
  // app settings end
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identity.id // references to Key Vault are read by the identity too; there is no other
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
    }
    functionAppConfig: {
      runtime: {
        name: 'custom'
        version: '1.0'
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances > 0
          ? [
              {
                name: 'http'
                instanceCount: alwaysReadyInstances
              }
            ]
          : []
      }
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: pages ? union(settings, pagesSettings) : settings
  }

  // Whoever has no session gets through: the API checks the bearer token of each request itself. The pages read the session's token, and check it too.
  resource authentication 'config' = if (pages) {
    name: 'authsettingsV2'
    properties: {
      platform: {
        enabled: true
      }
      globalValidation: {
        requireAuthentication: false
        unauthenticatedClientAction: 'AllowAnonymous'
      }
      identityProviders: {
        azureActiveDirectory: {
          enabled: true
          registration: {
            openIdIssuer: uri(tokenAuthority, '${tenant().tenantId}/v2.0')
            clientId: audience
            clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          }
          validation: {
            allowedAudiences: [
              audience
            ]
          }
        }
      }
      login: {
        tokenStore: {
          enabled: true
        }
      }
      httpSettings: {
        requireHttps: true
      }
    }
  }

  // No publishing by password: only Entra tokens.
  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: {
      allow: false
    }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }
}

@description('Name of the app.')
output name string = app.name

@description('Where the API answers.')
output url string = 'https://${app.properties.defaultHostName}'
