// The workbook: what an owner looks at each week. Its content is infra/workbook/latchkey.workbook.

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Id of the Log Analytics workspace that it reads.')
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'latchkey-workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Latchkey: the week'
    category: 'workbook'
    version: '1.0'
    sourceId: workspaceId
    serializedData: replace(loadTextContent('../workbook/latchkey.workbook'), '{workspace}', workspaceId)
  }
}
