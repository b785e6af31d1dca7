// The relay between a custom extension of Entra and Latchkey: a consumption Logic App that passes the call on with its managed identity. One for each action.
// Entra calls it with a proof-of-possession token; calls by SAS are off.

targetScope = 'resourceGroup'

@description('The action of Latchkey that is called: the last part of /api/callouts/{action}.')
@minLength(2)
@maxLength(40)
param action string

@description('Where Latchkey is, such as https://name.azurewebsites.net, without a slash at the end.')
param latchkeyUrl string

@description('The audience of the token that Latchkey is called with: one of its setting CalloutAudience, or of Audience.')
param audience string

@description('Who calls: access packages, or lifecycle workflows.')
@allowed([
  'entitlementManagement'
  'lifecycleWorkflows'
])
param caller string = 'entitlementManagement'

param location string = resourceGroup().location

@description('The name of the Logic App.')
@maxLength(43)
param name string = take('logic-${action}', 43)

param tags object = {}

// The first-party applications that call, and the names that Entra gives to their policies.
var callers = {
  entitlementManagement: {
    appId: '810dcf14-1858-4bf2-8134-4c369fa3235b'
    policy: 'AzureADEntitlementManagementAuthPOPAuthPolicy'
  }
  lifecycleWorkflows: {
    appId: 'ce79fdc4-cd1d-4ea5-8139-e74d7dbe0bb7'
    policy: 'AzureADLifecycleWorkflowsAuthPOPAuthPolicy'
  }
}

resource relay 'Microsoft.Logic/workflows@2019-05-01' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    state: 'Enabled'
    accessControl: {
      triggers: {
        // The service knows this, the published type of the workflow does not yet.
        #disable-next-line BCP037
        sasAuthenticationPolicy: {
          state: 'Disabled'
        }
        openAuthenticationPolicies: {
          policies: {
            '${callers[caller].policy}': {
              type: 'AADPOP'
              claims: [
                {
                  name: 'iss'
                  value: 'https://sts.windows.net/${subscription().tenantId}/'
                }
                {
                  name: 'appid'
                  value: callers[caller].appId
                }
                {
                  name: 'm'
                  value: 'POST'
                }
                {
                  name: 'u'
                  value: split(environment().resourceManager, '/')[2] // the host alone, management.azure.com
                }
                {
                  name: 'p'
                  value: resourceId('Microsoft.Logic/workflows', name)
                }
              ]
            }
          }
        }
      }
    }
    definition: {
      '$schema': 'https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#'
      contentVersion: '1.0.0.0'
      triggers: {
        manual: {
          type: 'Request'
          kind: 'Http'
          inputs: {
            schema: {}
          }
        }
      }
      actions: {
        Latchkey: {
          type: 'Http'
          runAfter: {}
          operationOptions: 'DisableAsyncPattern'
          inputs: {
            method: 'POST'
            uri: '${latchkeyUrl}/api/callouts/${action}'
            headers: {
              'Content-Type': 'application/json'
            }
            body: '@triggerBody()'
            authentication: {
              type: 'ManagedServiceIdentity'
              audience: audience
            }
            retryPolicy: {
              type: 'exponential'
              count: 6
              interval: 'PT10S'
              minimumInterval: 'PT10S'
              maximumInterval: 'PT5M'
            }
          }
          runtimeConfiguration: {
            secureData: {
              properties: [
                'inputs'
                'outputs'
              ]
            }
          }
        }
      }
      outputs: {}
    }
  }
}

@description('The Logic App, for attach.sh.')
output workflowId string = relay.id

@description('Object id of its identity. `az ad sp show --id <it> --query appId` is what LATCHKEY_CALLOUT_CALLERS names.')
output principalId string = relay.identity.principalId
