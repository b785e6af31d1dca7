// Private networking: a network with a subnet for each app and one for the private endpoints of what the app uses. Callers still reach the API from outside.

@description('Name of the virtual network.')
@minLength(2)
@maxLength(64)
param name string

@description('What the names of the private endpoints begin with.')
@minLength(2)
param endpointPrefix string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Address space, at least a /22.')
@minLength(9)
param addressPrefix string

@description('Id of the Cosmos DB account.')
param cosmosId string

@description('Id of the Service Bus namespace.')
param serviceBusId string

@description('Id of the storage account.')
param storageId string

// Each service with the kind of endpoint and the zone that makes its public name resolve to the private address.
var endpoints = [
  {
    name: 'cosmos'
    serviceId: cosmosId
    groupId: 'Sql'
    zone: 'privatelink.documents.azure.com'
  }
  {
    name: 'servicebus'
    serviceId: serviceBusId
    groupId: 'namespace'
    zone: 'privatelink.servicebus.windows.net'
  }
  {
    name: 'blob'
    serviceId: storageId
    groupId: 'blob'
    zone: 'privatelink.blob.${environment().suffixes.storage}'
  }
  {
    name: 'queue'
    serviceId: storageId
    groupId: 'queue'
    zone: 'privatelink.queue.${environment().suffixes.storage}'
  }
  {
    name: 'table'
    serviceId: storageId
    groupId: 'table'
    zone: 'privatelink.table.${environment().suffixes.storage}'
  }
]

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 0)
          delegations: [
            {
              name: 'flex'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'app-next'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 1)
          delegations: [
            {
              name: 'flex'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 2)
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
    ]
  }

  resource appSubnet 'subnets' existing = {
    name: 'app'
  }

  resource nextAppSubnet 'subnets' existing = {
    name: 'app-next'
  }

  resource endpointSubnet 'subnets' existing = {
    name: 'endpoints'
  }
}

module endpoint 'private-endpoint.bicep' = [
  for item in endpoints: {
    name: 'endpoint-${item.name}'
    params: {
      name: '${endpointPrefix}-${item.name}'
      location: location
      tags: tags
      serviceId: item.serviceId
      groupId: item.groupId
      zone: item.zone
      networkId: network.id
      subnetId: network::endpointSubnet.id
    }
  }
]

@description('Id of the subnet of the app.')
output appSubnetId string = network::appSubnet.id

@description('Id of the subnet of the app of the next release.')
output nextAppSubnetId string = network::nextAppSubnet.id
