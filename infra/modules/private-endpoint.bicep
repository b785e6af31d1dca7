// One private endpoint with the DNS zone that its name is found in.

@description('Name of the endpoint.')
@minLength(2)
@maxLength(80)
param name string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Id of the service that it leads to.')
param serviceId string

@description('Which part of the service, such as blob.')
param groupId string

@description('Name of the private DNS zone.')
param zone string

@description('Id of the network that the zone answers in.')
param networkId string

@description('Id of the subnet that the endpoint is in.')
param subnetId string

resource dns 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: zone
  location: 'global'
  tags: tags

  resource link 'virtualNetworkLinks' = {
    name: 'latchkey'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: networkId
      }
    }
  }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: name
        properties: {
          privateLinkServiceId: serviceId
          groupIds: [
            groupId
          ]
        }
      }
    ]
  }

  resource zones 'privateDnsZoneGroups' = {
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: 'default'
          properties: {
            privateDnsZoneId: dns.id
          }
        }
      ]
    }
  }
}
