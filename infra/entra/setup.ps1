#Requires -Version 7.2
#Requires -Modules Microsoft.Graph.Authentication
<#
.SYNOPSIS
  The Entra side of Latchkey: the app registration that stands for its API, and what its managed identity may do in Microsoft Graph.
.DESCRIPTION
  May be run again at any time: it says what it found, what it changed and what it left alone; with -WhatIf (or --what-if) it changes nothing. What there is to grant
  stands in permissions.json beside it. setup.sh does the same with the Azure CLI.
.EXAMPLE
  Connect-MgGraph -Scopes Application.ReadWrite.All, AppRoleAssignment.ReadWrite.All, DelegatedPermissionGrant.ReadWrite.All
  ./infra/entra/setup.ps1 -Identity (azd env get-value AZURE_IDENTITY_PRINCIPAL_ID) -WhatIf
#>
[CmdletBinding(SupportsShouldProcess, PositionalBinding = $false)]
param(
    # Name of the app registration.
    [ValidatePattern('^[A-Za-z0-9 ._-]{1,120}$')]
    [string] $Name = 'Latchkey',

    # Object id of the managed identity, to grant it Graph permissions.
    [ValidatePattern('^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$')]
    [string] $Identity = $env:AZURE_IDENTITY_PRINCIPAL_ID,

    # Features whose permissions are granted too.
    [ValidateSet('owners', 'hidden', 'mail', 'passes', 'sessions', 'apps', 'workflows')]
    [string[]] $With = @(),

    # The mailbox that notifications are sent from; implies -With mail.
    [string] $MailSender,

    # A mail-enabled group that holds only the sender: with it, and in a session of Exchange Online PowerShell, Mail.Send is narrowed to that mailbox.
    [string] $MailGroup,

    # Prepare sign-in for the pages at this address, by the identity and without a secret.
    [ValidatePattern('^(https://[A-Za-z0-9.-]+/?)?$')]
    [string] $Pages,

    # --what-if, as setup.sh spells -WhatIf; nothing else may be left over.
    [Parameter(ValueFromRemainingArguments)]
    [string[]] $Rest = @()
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

foreach ($argument in $Rest) {
    if ($argument -ne '--what-if') { throw "There is no option '$argument'; see Get-Help $PSCommandPath." }
    $WhatIfPreference = $true
}

function Write-Found([string] $What) { Write-Output "found    $What" }
function Write-Left([string] $What) { Write-Output "left     $What" }

# Invoke-Change does it and says so, or says that it would.
function Invoke-Change([string] $What, [scriptblock] $Action) {
    if ($script:Changing) {
        & $Action | Out-Null
        Write-Output "changed  $What"
    }
    else {
        Write-Output "would    $What"
    }
}

# Invoke-Graph sends one request to Microsoft Graph v1.0 of the cloud that Connect-MgGraph signed in to.
function Invoke-Graph([string] $Method, [string] $Path, $Body) {
    $request = @{ Method = $Method; Uri = "v1.0/$Path"; OutputType = 'Hashtable' }
    if ($null -ne $Body) {
        $request.Body = ConvertTo-Json $Body -Depth 8
        $request.ContentType = 'application/json'
    }
    Invoke-MgGraphRequest @request
}

# Get-GraphList reads all pages of a collection.
function Get-GraphList([string] $Path) {
    $page = Invoke-Graph GET $Path
    $all = @($page.value)
    while ($page.ContainsKey('@odata.nextLink')) {
        $page = Invoke-MgGraphRequest -Method GET -Uri $page['@odata.nextLink'] -OutputType Hashtable
        $all += @($page.value)
    }
    return , $all
}

# Wait-For repeats a read until it finds something: what was just created is not at once found everywhere.
function Wait-For([scriptblock] $Read) {
    foreach ($seconds in 1, 2, 4, 8, 0) {
        try {
            $result = & $Read
            if ($result) { return $result }
        }
        catch {
            if ($seconds -eq 0) { throw }
        }
        Start-Sleep -Seconds $seconds
    }
    throw 'Microsoft Graph does not find what was just created; run this again in a minute.'
}

$context = Get-MgContext
if (-not $context) {
    throw 'Sign in first: Connect-MgGraph -Scopes Application.ReadWrite.All, AppRoleAssignment.ReadWrite.All, DelegatedPermissionGrant.ReadWrite.All'
}
Write-Found "tenant $($context.TenantId)"

$script:Changing = -not $WhatIfPreference
$WhatIfPreference = $false # it is obeyed here, in Invoke-Change, and not once more by each command
$table = Get-Content -Raw (Join-Path $PSScriptRoot 'permissions.json') | ConvertFrom-Json
$features = @('always') + $With
if ($MailSender) { $features += 'mail' }

# 1. The app registration.
$filter = [uri]::EscapeDataString("displayName eq '$Name'")
$apps = Get-GraphList "applications?`$filter=$filter"
if ($apps.Count -gt 1) {
    throw "There are several app registrations named '$Name'; choose another -Name, or delete the wrong one."
}
$app = $null
$servicePrincipal = $null
if ($apps.Count -eq 1) {
    $app = $apps[0]
    Write-Found "app registration $Name ($($app.appId))"
}
elseif ($Changing) {
    $app = Invoke-Graph POST 'applications' @{ displayName = $Name; signInAudience = 'AzureADMyOrg' }
    Write-Output "changed  created the app registration $Name ($($app.appId))"
    $app = Wait-For { Invoke-Graph GET "applications/$($app.id)" }
}
else {
    Write-Output "would    create the app registration $Name, with its roles, scopes and service principal"
}

if ($app) {
    $path = "applications/$($app.id)"
    $uri = "api://$($app.appId)"
    if (@($app.identifierUris) -contains $uri) { Write-Found "identifier URI $uri" }
    else { Invoke-Change "identifier URI $uri" { Invoke-Graph PATCH $path @{ identifierUris = @($app.identifierUris | Where-Object { $_ }) + $uri } } }

    # Version 2 tokens name the client id as their audience, whichever way a client asked.
    if ($app.api.requestedAccessTokenVersion -eq 2) { Write-Found 'access tokens of version 2' }
    else { Invoke-Change 'access tokens of version 2' { Invoke-Graph PATCH $path @{ api = @{ requestedAccessTokenVersion = 2 } } } }

    $rows = @($table | Where-Object { $_.api -eq 'Latchkey' -and $_.kind -eq 'appRole' })
    $names = @($rows.permission)
    $have = @($app.appRoles | ForEach-Object { $_.value })
    $lacking = @($names | Where-Object { $have -notcontains $_ })
    if ($lacking.Count -eq 0) { Write-Found "app roles $names" }
    else {
        Invoke-Change "app roles $lacking" {
            $roles = @($app.appRoles | Where-Object { $names -notcontains $_.value })
            $roles += @($rows | ForEach-Object {
                    @{ id = $_.id; value = $_.permission; displayName = $_.permission; description = $_.why; allowedMemberTypes = @('Application'); isEnabled = $true }
                })
            Invoke-Graph PATCH $path @{ appRoles = $roles }
        }
    }

    $rows = @($table | Where-Object { $_.api -eq 'Latchkey' -and $_.kind -eq 'scope' })
    $names = @($rows.permission)
    $have = @($app.api.oauth2PermissionScopes | ForEach-Object { $_.value })
    $lacking = @($names | Where-Object { $have -notcontains $_ })
    if ($lacking.Count -eq 0) { Write-Found "scopes $names" }
    else {
        Invoke-Change "scopes $lacking" {
            $scopes = @($app.api.oauth2PermissionScopes | Where-Object { $names -notcontains $_.value })
            $scopes += @($rows | ForEach-Object {
                    @{ id = $_.id; value = $_.permission; type = 'Admin'; adminConsentDisplayName = $_.permission; adminConsentDescription = $_.why; isEnabled = $true }
                })
            Invoke-Graph PATCH $path @{ api = @{ oauth2PermissionScopes = $scopes } }
        }
    }

    $filter = [uri]::EscapeDataString("appId eq '$($app.appId)'")
    $found = Get-GraphList "servicePrincipals?`$filter=$filter"
    if ($found.Count -gt 0) {
        $servicePrincipal = $found[0]
        Write-Found "service principal $($servicePrincipal.id)"
    }
    else {
        Invoke-Change 'service principal of the API' { $script:servicePrincipal = Invoke-Graph POST 'servicePrincipals' @{ appId = $app.appId } }
        $servicePrincipal = $script:servicePrincipal
    }
}

# 2. What the managed identity may do in Microsoft Graph: an app role assignment is the consent.
$graph = Invoke-Graph GET "servicePrincipals(appId='00000003-0000-0000-c000-000000000000')?`$select=id"
if (-not $Identity) {
    Write-Left 'the Graph permissions of the managed identity: no -Identity is given; run this again after azd provision'
}
else {
    $held = @(Get-GraphList "servicePrincipals/$Identity/appRoleAssignments" | ForEach-Object { $_ } | ForEach-Object { $_.appRoleId })
    $wanted = @()
    foreach ($row in $table | Where-Object { $_.api -eq 'Microsoft Graph' -and $_.kind -eq 'application' }) {
        if ($held -contains $row.id) {
            $wanted += $row.id
            Write-Found "Graph permission $($row.permission) of the identity"
        }
        elseif ($features -contains $row.when) {
            Invoke-Change "Graph permission $($row.permission) of the identity" {
                Invoke-Graph POST "servicePrincipals/$Identity/appRoleAssignments" @{ principalId = $Identity; resourceId = $graph.id; appRoleId = $row.id }
            }
        }
        else { Write-Left "Graph permission $($row.permission) is not granted; -With $($row.when) grants it" }
    }
    foreach ($id in $held | Where-Object { $wanted -notcontains $_ }) {
        Write-Left "the identity holds the app role $id, which Latchkey does not need; take it away unless you know why it is there"
    }
}

# 3. Sign-in for the pages: App Service authentication uses the identity instead of a client secret. The site's own settings are Bicep's (LATCHKEY_PAGES).
if (-not $Pages) { Write-Left 'sign-in for pages: no -Pages is given' }
elseif (-not $Identity -or -not $app) { Write-Left 'sign-in for pages: it needs the app registration and -Identity' }
else {
    $callback = $Pages.TrimEnd('/') + '/.auth/login/aad/callback'
    $redirects = @($app.web.redirectUris)
    if ($redirects -contains $callback) { Write-Found "redirect URI $callback" }
    else {
        Invoke-Change "redirect URI $callback" {
            Invoke-Graph PATCH "applications/$($app.id)" @{ web = @{ redirectUris = @($redirects) + $callback; implicitGrantSettings = @{ enableIdTokenIssuance = $true } } }
        }
    }
    $credentials = Get-GraphList "applications/$($app.id)/federatedIdentityCredentials"
    if (@($credentials | Where-Object { $_.subject -eq $Identity }).Count -gt 0) { Write-Found 'federated credential of the identity' }
    else {
        Invoke-Change 'federated credential of the identity' {
            $authority = (Get-MgEnvironment -Name $context.Environment).AzureADEndpoint.TrimEnd('/')
            Invoke-Graph POST "applications/$($app.id)/federatedIdentityCredentials" @{
                name = 'latchkey-pages'; issuer = "$authority/$($context.TenantId)/v2.0"; subject = $Identity; audiences = @('api://AzureADTokenExchange')
            }
        }
    }
    $granted = @()
    if ($servicePrincipal) {
        $granted = @(Get-GraphList "servicePrincipals/$($servicePrincipal.id)/oauth2PermissionGrants" | ForEach-Object { $_ } |
                Where-Object { $_.resourceId -eq $graph.id -and $_.consentType -eq 'AllPrincipals' } | ForEach-Object { $_.scope -split ' ' })
    }
    if ($granted -contains 'openid') { Write-Found 'consent to sign-in (openid profile email)' }
    else {
        Invoke-Change 'consent to sign-in (openid profile email)' {
            Invoke-Graph POST 'oauth2PermissionGrants' @{ clientId = $servicePrincipal.id; consentType = 'AllPrincipals'; resourceId = $graph.id; scope = 'openid profile email' }
        }
    }
}

# 4. Mail.Send would reach every mailbox; only Exchange can narrow it.
if ($features -contains 'mail' -and $Identity) {
    $client = (Invoke-Graph GET "servicePrincipals/${Identity}?`$select=appId").appId
    if (-not $MailGroup) { Write-Left 'Exchange, where Mail.Send is narrowed to one mailbox: no -MailGroup is given' }
    elseif (-not (Get-Command New-ApplicationAccessPolicy -ErrorAction SilentlyContinue)) {
        Write-Left 'Exchange, where Mail.Send is narrowed to one mailbox: run Connect-ExchangeOnline first'
    }
    elseif (@(Get-ApplicationAccessPolicy | Where-Object { $_.AppId -eq $client }).Count -gt 0) { Write-Found "application access policy of $client" }
    else {
        Invoke-Change "application access policy: the identity sends as members of $MailGroup only" {
            New-ApplicationAccessPolicy -AppId $client -PolicyScopeGroupId $MailGroup -AccessRight RestrictAccess -Description 'Latchkey sends from one mailbox' -Confirm:$false
        }
    }
}

if ($app) {
    Write-Output ''
    Write-Output "azd env set LATCHKEY_AUDIENCE $($app.appId)"
    if ($MailSender) { Write-Output "azd env set LATCHKEY_MAIL_SENDER $MailSender" }
}
