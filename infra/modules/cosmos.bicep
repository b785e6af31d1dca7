// Cosmos DB: all state of Latchkey. A document is {id, <partition key>, kind, schemaVersion, dueAt, ttl, body: {…}}; the code that reads and writes it is
// shared/store/cosmos.

@description('Name of the account.')
@minLength(3)
@maxLength(44)
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('serverless or autoscale.')
@allowed([
  'serverless'
  'autoscale'
])
param capacity string

@description('With autoscale: the most request units a second, shared by the containers.')
@minValue(1000)
@maxValue(1000000)
param maxThroughput int

@description('How far back the account can be restored.')
@allowed([
  'Continuous7Days'
  'Continuous30Days'
])
param backupTier string

@description('Spread over the zones of the region.')
param zoneRedundant bool

@description('Let nobody in but over private endpoints.')
param privateNetworking bool

@description('Object id of the identity that reads and writes documents.')
param principalId string

@description('Log Analytics workspace of the audit of the account itself.')
param workspaceId string

// Only what a query filters by is indexed; the rest, which is most of a document, costs nothing to write. A filter over anything else still answers, it
// reads more. What is left out on purpose: answers and justifications, the copy of the policy in a request, deliveries, before and after in the audit,
// the payload of the outbox, everything in a head. id is indexed always.
var indexedEverywhere = [
  '/kind/?' // every query names the kind
  '/dueAt/?' // the timers ask for what is due
  '/body/state/?' // lists by state; timers look at what is still open
  '/body/createdDateTime/?' // lists since a day
  '/body/catalog/id/?' // what is in a catalog, for its owners
  '/body/accessPackage/id/?' // requests, assignments and policies of a package
  '/body/activityDateTime/?' // audit: what happened between two days
  '/body/targetId/?' // audit: what happened to one thing
  '/body/correlationId/?' // audit: what followed from one request
]

// Each container with its partition key, and what else its queries filter by. No unique keys: what must be unique is an id within its partition, or
// guarded by the head of the partition, which every write names by ETag.
var containers = [
  {
    name: 'subjects'
    partitionKey: 'subjectId'
    indexed: [
      '/subjectId/?' // queries within one subject
      '/body/requestor/id/?' // my requests
      '/body/requestor/objectId/?' // the same, by the directory's id
      '/body/target/id/?' // access of one person
      '/body/target/objectId/?' // the same, by the directory's id
      '/body/accessPackage/catalog/id/?' // requests and assignments of a catalog, for its owners
      '/body/assignment/id/?' // requests about one assignment
      '/body/assignment/target/objectId/?' // requests for one person
      '/body/assignment/assignmentPolicy/id/?' // requests by one policy
      '/body/policy/id/?' // the same, before it may be deleted
      '/body/assignmentPolicy/id/?' // assignments by one policy, before it may be deleted
      '/body/requestId/?' // what came of one request that Entra sent, and the assignment of one of ours
      '/body/approval/stages/[]/status/?' // approvals that wait
      '/body/approval/stages/[]/approverUserIds/[]/?' // approvals that wait for me
      '/body/approval/stages/[]/approverGroupIds/[]/?' // or for a group that I am in
      '/body/approval/stages/[]/alternateUserIds/[]/?' // or for me, since nobody answered
      '/body/approval/stages/[]/alternateGroupIds/[]/?' // or for a group of mine, since nobody answered
    ]
  }
  {
    name: 'catalogs'
    partitionKey: 'catalogId'
    indexed: [
      '/catalogId/?' // queries within one catalog
      '/body/displayName/?' // search by name
      '/body/originId/?' // in which catalog a group is
      '/body/originSystem/?' // groups, applications, sites
    ]
  }
  {
    name: 'reviews'
    partitionKey: 'definitionId'
    indexed: [
      '/definitionId/?' // queries within one review
      '/body/status/?' // reviews that are under way
      '/body/principal/id/?' // decisions about one person
      '/body/reviewers/[]/id/?' // decisions that wait for me
    ]
  }
]

resource account 'Microsoft.DocumentDB/databaseAccounts@2024-11-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    capabilities: capacity == 'serverless'
      ? [
          {
            name: 'EnableServerless'
          }
        ]
      : []
    // Strong: an instance reads what another one has just written, so that whoever was answered 201 also gets a 200. In one region it costs a second read,
    // not a second of waiting.
    consistencyPolicy: {
      defaultConsistencyLevel: 'Strong'
    }
    locations: [
      {
        locationName: location
        failoverPriority: 0
        isZoneRedundant: zoneRedundant
      }
    ]
    disableLocalAuth: true // no keys: only Entra identities with a data-plane role
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
    backupPolicy: {
      type: 'Continuous'
      continuousModeProperties: {
        tier: backupTier
      }
    }
  }
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2024-11-15' = {
  parent: account
  name: 'latchkey'
  properties: {
    resource: {
      id: 'latchkey'
    }
    // One budget for all containers: most traffic is in one of them at a time.
    options: capacity == 'autoscale'
      ? {
          autoscaleSettings: {
            maxThroughput: maxThroughput
          }
        }
      : {}
  }
}

resource container 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2024-11-15' = [
  for item in containers: {
    parent: database
    name: item.name
    properties: {
      resource: {
        id: item.name
        partitionKey: {
          kind: 'Hash'
          version: 2 // keys longer than 101 bytes
          paths: [
            '/${item.partitionKey}'
          ]
        }
        defaultTtl: -1 // a document goes when its own ttl says so; without one it stays
        indexingPolicy: {
          indexingMode: 'consistent'
          automatic: true
          includedPaths: map(concat(indexedEverywhere, item.indexed), path => { path: path })
          excludedPaths: [
            {
              path: '/*'
            }
          ]
        }
      }
    }
  }
]

// What the app does with documents, and nothing more: no stored procedures, no triggers, no conflicts, no change of containers.
resource documents 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2024-11-15' = {
  parent: account
  name: guid(account.id, 'latchkey-documents')
  properties: {
    roleName: 'Latchkey documents'
    type: 'CustomRole'
    assignableScopes: [
      account.id
    ]
    permissions: [
      {
        dataActions: [
          'Microsoft.DocumentDB/databaseAccounts/readMetadata'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/executeQuery'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/create'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/read'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/replace'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/upsert'
          'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/items/delete'
        ]
      }
    ]
  }
}

resource access 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = {
  parent: account
  name: guid(account.id, principalId, documents.id)
  properties: {
    principalId: principalId
    roleDefinitionId: documents.id
    scope: account.id
  }
}

// Who changed the account, its containers or its roles. The documents have their own audit.
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: account
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        category: 'ControlPlaneRequests'
        enabled: true
      }
    ]
  }
}

@description('Id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Name of the database.')
output databaseName string = database.name
