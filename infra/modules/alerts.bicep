// Alerts: what must not wait until somebody looks. Two come from Service Bus and Cosmos DB themselves, the others from the handler's
// log lines with the members "metric" and "value".

@description('Name of the action group.')
@minLength(1)
@maxLength(260)
param actionGroupName string

@description('Region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Who is told. Empty: nobody, alerts only show in the portal.')
param email string

@description('Id of the Log Analytics workspace.')
param workspaceId string

@description('Id of the Service Bus namespace.')
param serviceBusId string

@description('Id of the Cosmos DB account.')
param cosmosId string

// The names of the handler's metrics, in one place: the code is held against this file by a test.
var metrics = loadJsonContent('metrics.json')

var rules = [
  {
    name: 'outbox-lag'
    title: 'Latchkey: effects wait to be sent'
    text: 'The oldest effect that is committed and not on the queue is older than 15 minutes: mails, grants and removals are late. See docs/operate/stuck-request.md.'
    severity: 2
    metric: metrics.outboxLag
    aggregation: 'Maximum'
    threshold: 900
  }
  {
    name: 'timer-lag'
    title: 'Latchkey: a timer is late'
    text: 'Something was due more than 30 minutes before it was done: access outlives its end. See docs/operate/stuck-request.md.'
    severity: 1
    metric: metrics.timerLag
    aggregation: 'Maximum'
    threshold: 1800
  }
  {
    name: 'delivery-failed'
    title: 'Latchkey: access could not be delivered'
    text: 'A delivery failed for good: a person does not have what was approved, or still has what has ended. See docs/operate/stuck-request.md.'
    severity: 2
    metric: metrics.deliveryFailed
    aggregation: 'Total'
    threshold: 0
  }
  {
    name: 'graph-throttled'
    title: 'Latchkey: Microsoft Graph throttles'
    text: 'Microsoft Graph turned away more than 100 calls in 15 minutes. Work is late, not lost. See docs/operate/graph-throttling.md.'
    severity: 3
    metric: metrics.graphThrottled
    aggregation: 'Total'
    threshold: 100
  }
  {
    name: 'audit-broken'
    title: 'Latchkey: the audit chain is broken'
    text: 'An entry of the audit does not match the hash of the one before: something wrote past Latchkey. See docs/operate/broken-audit-chain.md.'
    severity: 0
    metric: metrics.auditBroken
    aggregation: 'Total'
    threshold: 0
  }
  {
    name: 'disagreement'
    title: 'Latchkey: a document and its head disagree'
    text: 'What is stored of a person contradicts itself: something wrote past Latchkey, and access may not end when it should. See docs/operate/bad-documents.md.'
    severity: 1
    metric: metrics.disagreement
    aggregation: 'Total'
    threshold: 0
  }
]

// The values of a metric. Each is a log line, with or without OpenTelemetry, so nothing is counted twice where a collector hands metrics to the same workspace.
var query = '''
AppTraces
| where Message contains "{metric}"
| extend Line = parse_json(Message)
| where tostring(Line.metric) == "{metric}"
| project TimeGenerated, Value = todouble(Line.value)
'''

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'latchkey'
    emailReceivers: [
      {
        name: 'owner'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource measured 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: 'latchkey-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.title
      description: rule.text
      severity: rule.severity
      enabled: true
      scopes: [
        workspaceId
      ]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      skipQueryValidation: true
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: replace(query, '{metric}', rule.metric)
            metricMeasureColumn: 'Value'
            timeAggregation: rule.aggregation
            operator: 'GreaterThan'
            threshold: rule.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: empty(email) ? [] : [people.id]
      }
    }
  }
]

// What the handler itself calls an alert, in its log: a panic, a broken chain, a setting that fails at run time.
resource reported 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'latchkey-reported'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Latchkey: the handler raised an alert'
    description: 'A log line with "alert":true. The line says what happened; docs/operate/stuck-request.md says how to go on.'
    severity: 1
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    skipQueryValidation: true
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: 'AppTraces | where Message contains "alert" | extend Line = parse_json(Message) | where tobool(Line.alert) and isempty(tostring(Line.metric))' // those have alerts of their own
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: empty(email) ? [] : [people.id]
    }
  }
}

resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'latchkey-dead-letters'
  location: 'global'
  tags: tags
  properties: {
    description: 'A message failed ten times or lay for 14 days: an effect did not happen. See docs/operate/dead-letters.md.'
    severity: 1
    enabled: true
    scopes: [
      serviceBusId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead-letters'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'DeadletteredMessages'
          dimensions: [
            {
              name: 'EntityName'
              operator: 'Include'
              values: [
                '*'
              ]
            }
          ]
          timeAggregation: 'Average'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: empty(email) ? [] : [{ actionGroupId: people.id }]
  }
}

resource parked 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'latchkey-parked'
  location: 'global'
  tags: tags
  properties: {
    description: 'A message could not be read by any handler and was parked. Keep it and report it; see docs/operate/dead-letters.md.'
    severity: 2
    enabled: true
    scopes: [
      serviceBusId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'parked'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'ActiveMessages'
          dimensions: [
            {
              name: 'EntityName'
              operator: 'Include'
              values: [
                'parked'
              ]
            }
          ]
          timeAggregation: 'Average'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: empty(email) ? [] : [{ actionGroupId: people.id }]
  }
}

resource busThrottled 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'latchkey-service-bus-throttled'
  location: 'global'
  tags: tags
  properties: {
    description: 'Service Bus turns requests away: work is late, not lost. Take the Premium tier if it stays.'
    severity: 3
    enabled: true
    scopes: [
      serviceBusId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'throttled'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'ThrottledRequests'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 100
        }
      ]
    }
    actions: empty(email) ? [] : [{ actionGroupId: people.id }]
  }
}

resource storeThrottled 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'latchkey-cosmos-throttled'
  location: 'global'
  tags: tags
  properties: {
    description: 'Cosmos DB turns requests away with 429: callers wait, and some are turned away. Raise cosmosMaxThroughput, or take autoscale instead of serverless.'
    severity: 2
    enabled: true
    scopes: [
      cosmosId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'throttled'
          metricNamespace: 'Microsoft.DocumentDB/databaseAccounts'
          metricName: 'TotalRequests'
          dimensions: [
            {
              name: 'StatusCode'
              operator: 'Include'
              values: [
                '429'
              ]
            }
          ]
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 100
        }
      ]
    }
    actions: empty(email) ? [] : [{ actionGroupId: people.id }]
  }
}
