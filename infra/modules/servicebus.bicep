// Service Bus: the effects on their way. The queues are those of shared/bus; host.json and functionTimeout agree with the lock.

@description('Name of the namespace.')
@minLength(6)
@maxLength(50)
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Standard or Premium.')
@allowed([
  'Standard'
  'Premium'
])
param tier string

@description('Let nobody in but over private endpoints, which needs Premium.')
param privateNetworking bool

@description('Object id of the identity that sends and receives.')
param principalId string

@description('Log Analytics workspace of the audit of the namespace itself.')
param workspaceId string

// A session is a subject: its messages are handled one after the other. Mails need no order, and nothing consumes what is parked.
var queues = [
  {
    name: 'provisioning'
    sessions: true
  }
  {
    name: 'extensions'
    sessions: true
  }
  {
    name: 'notifications'
    sessions: false
  }
  {
    name: 'parked'
    sessions: false
  }
]

// Data Receiver and Data Sender, not Data Owner: the app never changes a queue. Without the right to manage, the platform scales by whether messages wait
// instead of by how many.
var roles = [
  '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0' // Azure Service Bus Data Receiver: the triggers
  '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39' // Azure Service Bus Data Sender: the outbox
]

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: tier == 'Premium'
    ? {
        name: 'Premium'
        tier: 'Premium'
        capacity: 1
      }
    : {
        name: 'Standard'
        tier: 'Standard'
      }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
  }
}

resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [
  for item in queues: {
    parent: namespace
    name: item.name
    properties: {
      requiresSession: item.sessions
      // The outbox may send twice after a crash, within minutes and with the same id.
      requiresDuplicateDetection: true
      duplicateDetectionHistoryTimeWindow: 'PT10M'
      // As long as functionTimeout (00:05:00): the host renews it while it works, and a host that died lets go after at most that.
      lockDuration: 'PT5M'
      // The host gives a failed message back at once; waiting is done by scheduled messages. So ten failures are a defect, not a bad minute.
      maxDeliveryCount: 10
      // Nothing is lost in silence: what is not handled within 14 days goes to the dead letters, which raise an alert.
      defaultMessageTimeToLive: 'P14D'
      deadLetteringOnMessageExpiration: true
    }
  }
]

resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in roles: {
    name: guid(namespace.id, principalId, role)
    scope: namespace
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

// Who changed the namespace or its queues.
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: namespace
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated' // AZMSOperationalLogs, which the workbook reads
    logs: [
      {
        category: 'OperationalLogs'
        enabled: true
      }
    ]
  }
}

@description('Id of the namespace.')
output id string = namespace.id

@description('Name of the namespace.')
output name string = namespace.name
